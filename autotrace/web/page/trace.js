// The waterfall of one trace: a row for each span, runs of alike spans folded, the critical path thick, waits dotted.

import { duration, h, moment, plural } from "./text.js";

const SIGNS = { INTERNAL: "·", SERVER: "←", CLIENT: "→", PRODUCER: "⇢", CONSUMER: "⇠" };
const FOLD_FROM = 3;
const MOST_ROWS = 3000;
const open = new Set(); // ids of spans whose attributes are shown; they stay open when the trace is drawn anew
const unfolded = new Set();

export function trace(told) {
  const box = h("div", {});
  const redraw = () => box.replaceChildren(...drawing(told, redraw));
  redraw();
  return box;
}

function drawing(told, redraw) {
  const spans = new Map(told.spans.map((span) => [span.span_id, span]));
  const root = spans.get(told.roots[0] || told.picture.tops[0]);
  const status = root.attributes["http.response.status_code"];
  const all = rows(told, spans);
  const shade = new Map(told.services.map((name, number) => [name, number % 8]));
  const segments = new Map();
  for (const [id, start, end, waiting] of told.picture.segments) {
    if (!waiting) put(segments, id, [start, end]);
  }
  const scene = { told, segments, shade, redraw, missing: new Set(told.missing_parents) };
  return [
    h("h2", {}, told.picture.names[root.span_id], status ? h("span", { class: "code" }, ` → ${status}`) : ""),
    h("p", { class: "quiet" }, [moment(told.start_ns), duration(told.duration_ns), plural(told.spans.length, "span")].join(" · "),
      told.errors ? h("span", { class: "error" }, ` · ${plural(told.errors, "error")}`) : "", ` · trace ${told.trace_id}`),
    summary(told, shade),
    h("div", { class: "waterfall" }, scale(told), all.slice(0, MOST_ROWS).map((row) => drawn(row, scene))),
    all.length > MOST_ROWS ? h("p", { class: "quiet" }, `${all.length - MOST_ROWS} more rows; autotrace show --all prints every span.`) : "",
    h("p", { class: "quiet legend" }, h("i", { class: "path" }), " critical path ", h("i", { class: "work" }), " off it ",
      h("i", { class: "wait" }), " queued · ← serves → calls ⇢ sends ⇠ takes · click a row for its attributes"),
  ];
}

function summary(told, shade) {
  const parts = Object.entries(told.picture.by_service).map(([name, ns]) => [name, ns, `s${shade.get(name)}`]);
  if (told.picture.waited_ns) parts.push(["queues", told.picture.waited_ns, "queued"]);
  const total = Math.max(1, told.duration_ns);
  const large = parts.filter(([, ns]) => ns / total >= 0.005).sort((one, other) => other[1] - one[1]);
  return h("div", { class: "share" },
    h("div", { class: "strip" }, large.map(([name, ns, kind]) => h("span", { class: kind, title: name, style: { width: `${(100 * ns) / total}%` } }))),
    h("p", {}, h("span", { class: "quiet" }, "critical path  "),
      large.map(([name, ns, kind]) => h("span", { class: `part ${kind}` }, `${name} ${duration(ns)} ${Math.round((100 * ns) / total)} %`)).map((part) => [part, " "])));
}

function scale(told) {
  const step = niceStep(told.duration_ns);
  const ticks = [];
  for (let at = 0; at <= told.duration_ns * 0.97; at += step) ticks.push(at);
  return h("div", { class: "row scale" }, h("span", {}), h("span", {}), h("span", {}),
    h("span", { class: "axis" }, ticks.map((at) => h("span", { class: "tick", style: { left: share(at, told) } }, at ? duration(at).replace(/\.(\d*?)0+ /, (_, digits) => (digits ? `.${digits} ` : " ")) : "0"))));
}

function niceStep(ns) {
  const raw = Math.max(1, ns / 5);
  const size = 10 ** Math.floor(Math.log10(raw));
  return size * [1, 2, 5, 10].find((factor) => factor * size >= raw);
}

const share = (ns, told) => `${(100 * ns) / Math.max(1, told.duration_ns)}%`;

function rows(told, spans) {
  const failing = new Set();
  for (const span of told.spans) {
    if (span.status.code !== "ERROR") continue;
    for (let one = span; one && !failing.has(one.span_id); one = spans.get(one.parent_id)) failing.add(one.span_id);
  }
  const result = [];
  const pending = fold(told.picture.tops.map((id) => spans.get(id)), failing, told).reverse().map((group) => [group, 0]);
  while (pending.length) {
    const [group, depth] = pending.pop();
    const wait = group.length === 1 && told.picture.waits[group[0].span_id];
    if (wait) result.push({ group, depth, wait });
    result.push({ group, depth });
    const children = group.flatMap((span) => told.picture.children[span.span_id].map((id) => spans.get(id)));
    for (const below of fold(children, failing, told).reverse()) pending.push([below, depth + 1]);
  }
  return result;
}

function put(lists, key, value) {
  if (lists.has(key)) lists.get(key).push(value);
  else lists.set(key, [value]);
}

function fold(spans, failing, told) {
  const same = new Map();
  for (const span of spans) {
    const alone = failing.has(span.span_id) || unfolded.has(span.span_id);
    const key = alone ? span.span_id : JSON.stringify([told.picture.names[span.span_id], span.attributes["db.system.name"], span.service, span.kind]);
    put(same, key, span);
  }
  return [...same.values()].flatMap((group) => (group.length >= FOLD_FROM ? [group] : group.map((span) => [span])))
    .sort((one, other) => one[0].start_ns - other[0].start_ns);
}

function drawn({ group, depth, wait }, scene) {
  const { told, redraw } = scene;
  const first = group[0];
  const shade = `s${scene.shade.get(first.service)}`;
  const indent = { "padding-left": `${0.5 + Math.min(depth, 24) * 1.1}rem` };
  if (wait) {
    return h("div", { class: "row waiting" }, h("span", { class: "name", style: indent }, `waiting in ${wait.in}`), h("span", { class: "service" }),
      h("span", { class: "number" }, duration(first.start_ns - wait.from_ns)),
      h("span", { class: "axis" }, bar("queued", wait.from_ns, first.start_ns, told)));
  }
  const failed = first.status.code === "ERROR";
  const toggle = () => {
    if (group.length > 1) for (const span of group) unfolded.add(span.span_id);
    else if (!open.delete(first.span_id)) open.add(first.span_id);
    redraw();
  };
  const name = told.picture.names[first.span_id] || "(no name)";
  const failure = told.picture.failures[first.span_id];
  const notes = [
    scene.missing.has(first.span_id) ? `its parent ${first.parent_id} is missing` : "",
    first.attributes["autotrace.unfinished"] ? "open when its process ended" : "",
  ].filter(Boolean);
  const expanded = group.length === 1 && open.has(first.span_id);
  return [
    h("div", {
      class: `row ${failed ? "failed" : ""} ${expanded ? "open" : ""}`, role: "button", tabindex: 0, "aria-expanded": String(expanded), onclick: toggle,
      onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); toggle(); } },
    },
    h("span", { class: "name", style: indent, title: name }, failed ? h("b", { class: "error" }, "✗ ") : "", h("span", { class: `sign ${shade}` }, SIGNS[first.kind] || "·"),
      group.length > 1 ? h("b", {}, ` × ${group.length}`) : "", ` ${name}`, notes.map((note) => h("em", {}, ` (${note})`))),
    h("span", { class: `service ${shade}`, title: first.service }, first.service),
    h("span", { class: "number" }, duration(group.reduce((sum, span) => sum + span.duration_ns, 0))),
    h("span", { class: "axis" }, group.map((span) => [
      bar(`work ${failed ? "bad" : shade}`, span.start_ns, span.end_ns, told),
      (scene.segments.get(span.span_id) || []).map(([start, end]) => bar(`path ${failed ? "bad" : shade}`, start, end, told)),
    ]))),
    failure ? h("div", { class: "told", style: indent }, failure) : "",
    expanded ? details(first, told, indent) : "",
  ];
}

function bar(kind, start, end, told) {
  return h("i", { class: kind, style: { left: share(start - told.start_ns, told), width: share(end - start, told) } });
}

function details(span, told, indent) {
  const facts = [["service", span.service], ["scope", span.scope], ["span", span.span_id], ["parent", span.parent_id],
    ["starts", `${duration(span.start_ns - told.start_ns)} after the trace`], ["self time", duration(span.self_ns)], ["status", span.status.message]];
  const pairs = [...Object.entries(span.attributes), ...facts.filter(([, value]) => value)];
  return h("div", { class: "details", style: indent },
    h("dl", {}, pairs.map(([key, value]) => [h("dt", {}, key), h("dd", {}, spelled(value))])),
    span.events.map((event) => [
      h("h4", {}, `${event.name} at ${duration(Math.max(0, event.time_ns - told.start_ns))}`),
      h("dl", {}, Object.entries(event.attributes).map(([key, value]) => [h("dt", {}, key), h("dd", {}, h("pre", {}, spelled(value)))])),
    ]),
    span.links.map((link) => h("p", {}, "linked to ", h("a", { href: `#/trace/${link.trace_id}` }, link.trace_id.slice(0, 8)), ` span ${link.span_id}`)),
    h("details", {}, h("summary", {}, "resource"), h("dl", {}, Object.entries(span.resource).map(([key, value]) => [h("dt", {}, key), h("dd", {}, spelled(value))]))));
}

const spelled = (value) => (typeof value === "string" ? value : JSON.stringify(value));
