// A question's card, a field to answer it in, and buttons for a hint, other numbers, the solution. Python answers.

const PATIENCE = 1000; // milliseconds: by then a kernel that is there and free has answered
const RUN = "Run this cell again: Python was restarted since.";
const LATE = "Python has not answered yet. Is a cell still running? If none is, run this cell again.";
const LANGUAGE = "en"; // of what is said here; the lesson around it is in English
const CALLS = ["hint()", "again()", "again(0)", "solution()"];

const element = (tag, properties, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};

function render({ model, el }) {
  const label = model.get("label");
  const card = element("div", {});
  card.setAttribute("aria-live", "polite");
  const late = element("p", { className: "cs-late" });
  late.setAttribute("role", "status");
  const input = element("input", { type: "text", autocomplete: "off", spellcheck: false });
  const calls = CALLS.map((call) => element("button", { type: "button", textContent: `${label}.${call}`, onclick: () => ask({ call }) }));
  const form = element(
    "form", { className: "cs-field" }, element("label", {}, `${label}: `, input), element("button", { textContent: "Check" }), ...calls,
  );
  el.append(element("div", { lang: LANGUAGE }, card, form, late));

  let timer = null;
  let seed = null;

  function ask(message) {
    clearTimeout(timer);
    try {
      model.send(message);
      timer = setTimeout(() => (late.textContent = LATE), PATIENCE);
    } catch {
      late.textContent = RUN; // its comm is closed
    }
  }

  function draw() {
    clearTimeout(timer);
    const shown = model.get("shown");
    late.textContent = "";
    card.innerHTML = shown.card; // written and escaped by Python
    if (seed !== shown.seed) input.value = shown.typed; // other numbers: what was typed is no answer to them
    seed = shown.seed;
    for (const [place, call] of CALLS.entries()) {
      const isOver = !shown.calls.includes(call);
      if (isOver && calls[place].matches(":focus")) input.focus(); // no other place to go on from
      calls[place].hidden = isOver;
    }
  }

  form.onsubmit = (event) => (event.preventDefault(), ask({ answer: input.value }));
  form.onkeydown = (event) => {
    const isCommand = event.ctrlKey || event.altKey || event.metaKey; // JupyterLab's and the browser's own, as to save
    if (!isCommand) event.stopPropagation(); // JupyterLab would take the keys for itself
  };
  model.on("change:shown", draw);
  draw();
  return () => (clearTimeout(timer), model.off("change:shown", draw));
}

export default { render };
