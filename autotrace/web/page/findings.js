// What is wrong, the worst first.

import { h, plural } from "./text.js";

const SIGNS = { failure: "✗", slow: "!", info: "·" };
const LOOKED = "failures and where they begin, repeated statements, slow routes, broken edges, wrong consumers, waits in queues";

export function findings({ traces, total, findings: found, nothing }) {
  const read = traces === total ? plural(traces, "trace") : `${traces} of ${total} traces`;
  if (!traces) {
    if (!nothing) return [h("h2", {}, "No trace matches")];
    return [h("h2", {}, "No traces yet"), nothing.map((line) => line.replace(/^No traces yet\. ?/, "")).filter(Boolean).map((line) => h("p", { class: "quiet" }, line))];
  }
  if (!found.length) {
    return [h("h2", {}, `Nothing to find fault with in ${read}`), h("p", { class: "quiet" }, `Looked for: ${LOOKED}.`)];
  }
  return [h("h2", {}, `${plural(found.length, "finding")} in ${read}`), found.map(card)];
}

function card(one) {
  const where = `${one.operation} in ${one.service}`;
  return h("article", { class: `finding ${one.level}` },
    h("h3", {}, h("span", { class: "sign", "aria-label": one.level }, SIGNS[one.level]), h("span", { class: "kind" }, one.kind), " ", one.title),
    h("p", {}, where, one.route && one.route !== where ? ` · in ${one.route}` : "", ` · ${one.count} of ${one.total} · `,
      h("span", { class: "confidence" }, one.confidence)),
    h("ul", {}, one.evidence.map((sentence) => h("li", {}, sentence))),
    h("p", { class: "links" }, one.traces.map((id) => h("a", { href: `#/trace/${id}` }, id.slice(0, 8)))));
}
