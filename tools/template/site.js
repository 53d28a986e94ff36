// What every page does besides its widgets: the theme, the contents on a phone, wide outputs that can be scrolled by key.

// waitSeconds: a slow network is waited for; else RequireJS would give up, and the widgets would ask another host.
requirejs.config({ paths: { anywidget: "assets/anywidget" }, waitSeconds: 0 });

const root = document.documentElement;
const button = document.querySelector("button.theme");
const write = () => (button.textContent = root.dataset.theme === "dark" ? "Light theme" : "Dark theme");
new MutationObserver(write).observe(root, { attributeFilter: ["data-theme"] });
button.hidden = false;
button.onclick = () => {
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  try {
    localStorage.setItem("cnn-shapes-theme", root.dataset.theme);
  } catch {
    // Nothing can be kept for a page from the disk: the choice holds for this page.
  }
};
write();

const contents = document.querySelector(".contents details");
if (matchMedia("(max-width: 1000px)").matches) contents.open = false;

const wide = document.querySelectorAll("pre, math, .text p, .text table, .output, .cs-answer-box, .cs-trace-box");
const reach = () => wide.forEach((box) => (box.scrollWidth > box.clientWidth + 1 ? (box.tabIndex = 0) : box.removeAttribute("tabindex")));
addEventListener("resize", reach);
addEventListener("toggle", reach, true); // what was folded had no width
reach();
