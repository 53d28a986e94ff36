// What every page does besides its widgets: the theme, the contents on a phone, wide outputs that can be scrolled by key.

requirejs.config({ paths: { anywidget: "assets/anywidget" } });

const root = document.documentElement;
const button = document.querySelector("button.theme");
const other = () => (root.dataset.theme === "dark" ? "light" : "dark");
const name = () => (button.textContent = other() === "dark" ? "Dark theme" : "Light theme");
try {
  root.dataset.theme = localStorage.getItem("theme") ?? root.dataset.theme;
} catch {
  // A browser may refuse to keep anything for pages opened from the disk: then the system's theme holds.
}
button.hidden = false;
button.onclick = () => {
  root.dataset.theme = other();
  name();
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    // As above: the choice holds for this page.
  }
};
name();

const contents = document.querySelector(".contents details");
if (matchMedia("(max-width: 1000px)").matches) contents.open = false;

const wide = document.querySelectorAll("pre, .output, .cs-answer-box, .cs-trace-box");
const reach = () => wide.forEach((box) => (box.scrollWidth > box.clientWidth + 1 ? (box.tabIndex = 0) : box.removeAttribute("tabindex")));
addEventListener("resize", reach);
reach();
