// The service map: layers from left to right in the direction of the calls, drawn as SVG.

import { duration, h, plural, s } from "./text.js";

const WIDE = 152;
const HIGH = 44;
const STEP_X = 272;
const STEP_Y = 84;
const KINDS = { service: "", database: "database", topic: "topic", external: "not traced", outside: "" };

export function map({ edges, traces, total }, choose) {
  if (!edges.length) return [h("h2", {}, "Nobody talks to anybody"), h("p", { class: "quiet" }, `in ${plural(traces, "trace")}`)];
  const nodes = new Map();
  const node = (party) => {
    const key = `${party.kind} ${party.name}`;
    if (!nodes.has(key)) nodes.set(key, { ...party, key, out: [], rank: 0 });
    return nodes.get(key);
  };
  const links = edges.map((edge) => ({ ...edge, source: node(edge.from), target: node(edge.to) }));
  for (const link of links) link.source.out.push(link);
  rank([...nodes.values()]);
  const layers = spread([...nodes.values()], links);
  const width = layers.length * STEP_X - (STEP_X - WIDE) + 40;
  const height = Math.max(...layers.map((layer) => layer.length)) * STEP_Y + 60;
  for (const [x, layer] of layers.entries()) {
    for (const [y, one] of layer.entries()) {
      one.x = 20 + x * STEP_X;
      one.y = height / 2 + (y - (layer.length - 1) / 2) * STEP_Y;
    }
  }
  return [
    h("h2", {}, `Who talks to whom in ${traces === total ? plural(traces, "trace") : `${traces} of ${total} traces`}`),
    h("div", { class: "scroll" }, s("svg", {
      viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "service map",
      style: { width: `${width}px`, "max-width": "100%", "min-width": `${width * 0.65}px` },
    },
      s("defs", {}, s("marker", { id: "tip", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" },
        s("path", { d: "M0 0 L8 4 L0 8 z", class: "tip" }))),
      links.map(line), links.map(label), [...nodes.values()].map((one) => box(one, choose)))),
    h("p", { class: "quiet" }, "An edge says how often, how many of them failed, and the median; from a topic that is the wait in it. Click a service for its traces."),
  ];
}

// Longest way from the beginning; an edge that leads back into the way it came on is drawn, but moves nobody.
function rank(nodes) {
  const state = new Map();
  const order = [];
  const visit = (one) => {
    state.set(one, 1);
    for (const link of one.out) {
      link.back = state.get(link.target) === 1;
      if (!state.has(link.target)) visit(link.target);
    }
    state.set(one, 2);
    order.unshift(one);
  };
  const called = new Set(nodes.flatMap((one) => one.out.map((link) => link.target)));
  for (const one of [...nodes.filter((node) => !called.has(node)), ...nodes]) if (!state.has(one)) visit(one);
  for (const one of order) for (const link of one.out) if (!link.back) link.target.rank = Math.max(link.target.rank, one.rank + 1);
}

// A long edge gets a bend in each layer that it passes, so that it runs between the boxes and not behind them.
function spread(nodes, links) {
  const layers = [];
  const put = (one) => { (layers[one.rank] = layers[one.rank] || []).push(one); return one; };
  nodes.forEach(put);
  const near = new Map(nodes.map((one) => [one, []]));
  for (const link of links) {
    link.way = [link.source];
    if (!link.back) {
      for (let at = link.source.rank + 1; at < link.target.rank; at += 1) link.way.push(put({ rank: at, bend: true }));
    }
    link.way.push(link.target);
    for (let at = 1; at < link.way.length; at += 1) {
      const [one, other] = [link.way[at - 1], link.way[at]];
      near.set(one, [...(near.get(one) || []), other]);
      near.set(other, [...(near.get(other) || []), one]);
    }
  }
  for (let sweep = 0; sweep < 8; sweep += 1) {
    for (const layer of layers) layer.forEach((one, index) => { one.at = index - (layer.length - 1) / 2; });
    for (const layer of sweep % 2 ? [...layers].reverse() : layers) {
      const middle = (one) => near.get(one).reduce((sum, other) => sum + other.at, 0) / Math.max(1, near.get(one).length);
      layer.sort((one, other) => middle(one) - middle(other));
      layer.forEach((one, index) => { one.at = index - (layer.length - 1) / 2; });
    }
  }
  return layers;
}

function line(link) {
  const points = link.way.map((one, index) => [one.bend ? one.x + WIDE / 2 : index ? one.x : one.x + WIDE, one.y]);
  const [start, end] = [points[0], points[points.length - 1]];
  let path = `M${start}`;
  if (link.source === link.target) path += ` C${start[0] + 60} ${start[1] - 60} ${end[0] - 60} ${end[1] - 60} ${end}`;
  else if (link.back) path += ` C${start[0] + 80} ${start[1] + 90} ${end[0] - 80} ${end[1] + 90} ${end}`;
  else {
    for (let at = 1; at < points.length; at += 1) {
      const [[x1, y1], [x2, y2]] = [points[at - 1], points[at]];
      path += ` C${(x1 + x2) / 2} ${y1} ${(x1 + x2) / 2} ${y2} ${x2} ${y2}`;
    }
  }
  const rate = link.errors / link.calls;
  return s("path", { d: path, class: `edge ${rate ? "bad" : ""}`, "stroke-width": 1 + Math.min(3, Math.log10(link.calls)), "marker-end": "url(#tip)" },
    s("title", {}, `${link.from.name} to ${link.to.name}: ${plural(link.calls, "call")}, ${link.errors} failed, p50 ${duration(link.p50_ns)}, p95 ${duration(link.p95_ns)}`));
}

function label(link) {
  const [one, other] = link.way.slice(-2);
  const from = one.bend ? one.x + WIDE / 2 : one.x + WIDE;
  const lift = link.source === link.target ? -46 : link.back ? 66 : 0;  // a loop is a way back, too
  const x = (from + other.x) / 2;
  const y = (one.y + other.y) / 2 + lift;
  const rate = link.errors / link.calls;
  return [
    s("text", { x, y: y - 6, class: "label" }, `${link.calls} × ${duration(link.p50_ns)}`),
    rate ? s("text", { x, y: y + 16, class: "label error" }, `${rate < 0.01 ? "<1" : Math.round(100 * rate)} % fail`) : "",
  ];
}

function box(one, choose) {
  const service = one.kind === "service";
  const text = one.name.length > 20 ? `${one.name.slice(0, 19)}…` : one.name;
  const kind = KINDS[one.kind];
  return s("g", {
    class: `node ${one.kind}`, transform: `translate(${one.x} ${one.y - HIGH / 2})`, ...(service ? { role: "link", tabindex: 0 } : {}),
    onclick: () => service && choose(one.name), onkeydown: (event) => service && event.key === "Enter" && choose(one.name),
  },
  s("rect", { width: WIDE, height: HIGH, rx: one.kind === "topic" ? HIGH / 2 : 6 }),
  s("text", { x: WIDE / 2, y: kind ? 19 : 27 }, text), kind ? s("text", { x: WIDE / 2, y: 34, class: "what" }, kind) : "",
  s("title", {}, one.name));
}
