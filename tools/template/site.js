// What every page does besides its widgets: the theme, the contents on a phone, the section one is in, wide outputs that
// can be scrolled by key.

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

// The explorers lay themselves out for paper when they are told next.
addEventListener("beforeprint", () => root.classList.add("printed"));
addEventListener("afterprint", () => root.classList.remove("printed"));

const contents = document.querySelector(".contents details");
if (matchMedia("(max-width: 1000px)").matches) contents.open = false;

// The last heading that has passed the upper third of the window is the section that is read.
const links = new Map([...document.querySelectorAll(".contents ul ul a")].map((link) => [link.hash.slice(1), link]));
const headings = [...document.querySelectorAll("main h2")];
function markSection() {
  const passed = headings.filter((heading) => heading.getBoundingClientRect().top < innerHeight / 3).at(-1);
  for (const [id, link] of links)
    if (id === passed?.id) link.setAttribute("aria-current", "location");
    else link.removeAttribute("aria-current");
}
addEventListener("scroll", markSection, { passive: true });

const wide = document.querySelectorAll("pre, math, .text p, .text table, .output, .cs-answer-box, .cs-trace-box");
const reach = () => wide.forEach((box) => (box.scrollWidth > box.clientWidth + 1 ? (box.tabIndex = 0) : box.removeAttribute("tabindex")));
addEventListener("resize", reach);
addEventListener("toggle", reach, true); // what was folded had no width
reach();
markSection();
