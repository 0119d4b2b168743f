// What all screens share. A screen is a section of index.html; one is shown at a time.

export const $ = (id) => document.getElementById(id);

let shown = "starting";

// show shows a screen, and reports whether another one was shown before. Then its heading gets
// the focus: a screen reader reads it, and the next Tab goes to the first control below it.
export function show(name) {
  document.title = $(name).querySelector("h1").textContent + " – radpush"; // of home it changes
  if (shown === name) return false;
  $(shown).hidden = true;
  shown = name;
  $(name).hidden = false;
  scrollTo(0, 0);
  $(name).querySelector("h1").focus({ preventScroll: true });
  return true;
}

// say has a screen reader read a text, without moving the focus.
export const say = (text) => ($("said").textContent = text);

// fault says what went wrong on a screen; "" takes it back.
export const fault = (screen, text = "") => ($(screen).querySelector(".fault").textContent = text);

export const icon = (name) => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", "#icon-" + name);
  svg.append(use);
  return svg;
};

// element makes an element of text and other elements. What comes from the server is always
// text, never markup.
export function element(name, className, ...content) {
  const e = document.createElement(name);
  e.className = className;
  e.append(...content);
  return e;
}

// once runs what a control does, with its screen disabled meanwhile.
export async function once(screen, work) {
  const controls = [...$(screen).querySelectorAll("button, input")].filter((c) => !c.disabled);
  const focus = document.activeElement;
  for (const c of controls) c.disabled = true;
  try {
    return await work();
  } finally {
    for (const c of controls) c.disabled = false;
    if (!$(screen).hidden && document.activeElement === document.body) focus?.focus(); // disabling took it away
  }
}
