// The views, the address (everything that was chosen stands behind the #), and the live refresh.

import { findings } from "./findings.js";
import { listing, filters } from "./listing.js";
import { map } from "./map.js";
import { ask, h } from "./text.js";
import { trace } from "./trace.js";

const EVERY_MS = 2000;
const view = document.getElementById("view");
const live = document.getElementById("live");
const common = document.getElementById("common");
let version = "";
let turn = 0;

function place() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  return { path, chosen: Object.fromEntries(new URLSearchParams(query || "")) };
}

function go(path, chosen) {
  const query = new URLSearchParams(Object.entries(chosen).filter(([, value]) => value)).toString();
  location.hash = `#/${path}${query ? `?${query}` : ""}`;
}

// A view asks, has a frame that stays with whatever is being typed into it, and parts that are drawn anew.
const VIEWS = {
  "": {
    ask: (chosen) => Promise.all([ask("findings", { service: chosen.service, since: chosen.since }), ask("traces", chosen)]),
    frame: (chosen) => [
      h("section", { class: "findings" }),
      h("section", {}, h("h2", {}, "Traces"), filters(chosen, (more) => go("", { ...place().chosen, ...more })),
        h("div", { class: "listing" })),
    ],
    parts: ([found, listed]) => ({ ".findings": findings(found), ".listing": listing(listed) }),
  },
  map: {
    ask: ({ service, since }) => ask("map", { service, since }),
    frame: () => [h("section", { class: "map" })],
    parts: (told) => ({ ".map": map(told, (name) => go("", { service: name })) }),
  },
  trace: {
    ask: (_chosen, id) => ask(`traces/${encodeURIComponent(id)}`),
    frame: () => [h("section", { class: "trace" })],
    parts: (told) => ({ ".trace": trace(told) }),
  },
};

let shown = ""; // the view whose frame stands
let drawn = ""; // what its parts were drawn from

async function draw() {
  const mine = ++turn;
  const { path, chosen } = place();
  const [name, id] = path.split("/");
  const wanted = VIEWS[name] || VIEWS[""];
  mark(name, chosen);
  try {
    const told = await wanted.ask(chosen, id);
    if (mine !== turn) return; // somebody has gone elsewhere meanwhile
    if ([told].flat().some((one) => one.stale)) version = ""; // not of what has arrived since: ask again
    const text = path + JSON.stringify(told);
    if (text === drawn) return;
    if (shown !== `/${path}`) {
      view.replaceChildren(...wanted.frame(chosen));
      scrollTo(0, 0);
      shown = `/${path}`;
    }
    for (const [where, content] of Object.entries(wanted.parts(told))) {
      view.querySelector(where).replaceChildren(...[content].flat(Infinity));
    }
    drawn = text;
  } catch (error) {
    if (mine !== turn) return;
    if (shown === `/${path}` && error instanceof TypeError) throw error; // nobody answers: what stands stays
    shown = drawn = "";
    view.replaceChildren(h("p", { class: "error" }, error.message));
  }
}

function mark(name, chosen) {
  for (const link of document.querySelectorAll("nav a")) {
    link.toggleAttribute("aria-current", link.dataset.view === (name || "home"));
    link.href = `#/${link.dataset.view === "map" ? "map" : ""}${keep(chosen)}`;
  }
  common.hidden = name === "trace";
  common.service.value = chosen.service || "";
  common.since.value = chosen.since || "";
}

function keep({ service, since }) {
  const query = new URLSearchParams(Object.entries({ service, since }).filter(([, value]) => value)).toString();
  return query ? `?${query}` : "";
}

async function look() {
  try {
    const state = await ask("state");
    const names = ["", ...state.services];
    if (names.join("\n") !== [...common.service.options].map((one) => one.value).join("\n")) {
      common.service.replaceChildren(...names.map((name) => h("option", { value: name }, name || "all")));
      common.service.value = place().chosen.service || "";
    }
    live.textContent = "live";
    live.className = "on";
    if (state.version !== version) {
      version = state.version;
      await draw();
    }
  } catch (error) {
    live.textContent = error instanceof TypeError ? "autotrace web has ended" : error.message;
    live.className = "off";
  }
}

common.addEventListener("change", () => {
  const { path, chosen } = place();
  go(path, { ...chosen, service: common.service.value, since: common.since.value });
});
common.addEventListener("submit", (event) => event.preventDefault());
addEventListener("hashchange", draw);
addEventListener("visibilitychange", () => document.hidden || look());
setInterval(() => document.hidden || look(), EVERY_MS);
look();
