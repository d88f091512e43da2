// The list of traces, the newest first, and its filters.

import { duration, h, moment, plural } from "./text.js";

export function filters(chosen, change) {
  const form = h("form", { class: "filters", autocomplete: "off" },
    h("label", {}, "route ", h("input", { name: "route", value: chosen.route || "", placeholder: "/orders/*" })),
    h("label", {}, "status ", h("input", { name: "status", value: chosen.status || "", placeholder: "error, ok, 500", size: 12 })),
    h("label", {}, "at least ", h("input", { name: "min_duration", value: chosen.min_duration || "", placeholder: "250ms", size: 7 })),
    h("label", {}, h("input", { name: "noise", type: "checkbox", value: "1", ...(chosen.noise ? { checked: "" } : {}) }), " health checks, static files"));
  const told = () => change({ noise: "", ...Object.fromEntries(new FormData(form)) });
  form.addEventListener("change", told);
  form.addEventListener("submit", (event) => { event.preventDefault(); told(); });
  return form;
}

export function listing({ traces, total, noise }) {
  const left = noise ? h("p", { class: "quiet" }, `${plural(noise, "trace")} of health checks, static files and their like left out.`) : null;
  if (!traces.length) return [h("p", { class: "quiet" }, "No trace matches."), left].filter(Boolean);
  const longest = Math.max(...traces.map((one) => one.duration_ns));
  return [
    h("table", {},
      h("thead", {}, h("tr", {}, ["time", "trace", "root", "status", "services", "spans", "errors", "duration"].map((name) => h("th", {}, name)))),
      h("tbody", {}, traces.map((one) => row(one, longest)))),
    traces.length < total ? h("p", { class: "quiet" }, `The newest ${plural(traces.length, "trace")} of ${total}.`) : null,
    left,
  ].filter(Boolean);
}

function row(one, longest) {
  const address = `#/trace/${one.trace_id}`;
  return h("tr", { class: one.errors ? "failed" : "", onclick: (event) => { if (event.target.tagName !== "A") location.hash = address; } },
    h("td", { class: "quiet" }, moment(one.start_ns)),
    h("td", {}, h("a", { href: address }, one.trace_id.slice(0, 8))),
    h("td", { class: "root" }, one.root, one.operation.startsWith(one.root) ? h("span", { class: "path" }, one.operation.slice(one.root.length)) : ""),
    h("td", { class: one.status_code >= 400 ? "code bad" : "code" }, one.status_code ? String(one.status_code) : ""),
    h("td", { class: "quiet" }, one.services.join(", ")),
    h("td", { class: "number" }, String(one.spans)),
    h("td", { class: "number errors" }, one.errors ? String(one.errors) : ""),
    h("td", { class: "number length" }, h("span", { class: "bar", style: { width: `${(100 * one.duration_ns) / longest}%` } }), duration(one.duration_ns)));
}
