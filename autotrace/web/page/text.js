// Elements, numbers and times. All texts come from traced programs: they only ever become text nodes.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties || {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(3)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

export const h = (name, properties, ...children) => fill(document.createElement(name), properties, children);
export const s = (name, properties, ...children) => fill(document.createElementNS(SVG, name), properties, children);

export function duration(ns) {
  if (ns === null || ns === undefined) return "";
  if (ns >= 3599.5e9) { const m = Math.round(ns / 60e9); return `${Math.floor(m / 60)} h ${String(m % 60).padStart(2, "0")} m`; }
  if (ns >= 59.995e9) { const t = Math.round(ns / 1e9); return `${Math.floor(t / 60)} m ${String(t % 60).padStart(2, "0")} s`; }
  for (const [unit, size] of [["s", 1e9], ["ms", 1e6], ["µs", 1e3]]) {
    const value = ns / size;
    if (value >= 0.9995) return `${value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)} ${unit}`;
  }
  return `${Math.round(ns)} ns`;
}

export function moment(ns) {
  const then = new Date(ns / 1e6);
  const time = then.toLocaleTimeString([], { hour12: false });
  return then.toDateString() === new Date().toDateString() ? time : `${then.toLocaleDateString()} ${time}`;
}

export const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

export async function ask(path, parameters) {
  const query = new URLSearchParams(Object.entries(parameters || {}).filter(([, value]) => value));
  const answer = await fetch(`/api/${path}?${query}`);
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error);
  return told;
}
