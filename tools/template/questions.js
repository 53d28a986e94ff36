// Questions that answer without Python: what is typed is read as helpers/exercises/answers.py reads it, and the card that
// Python has written for it is shown. Answers are kept by the browser, and nowhere else.

const GIVEN = "\ue000"; // stands for what was typed, in a card
const KEPT = "cnn-shapes-answers";
const LANGUAGE = "en"; // of what is said here; the lesson around it is in English
const SHORTEST = { all: 30, head: 13, tail: 14 }; // of what is quoted, as Python's reprlib has it

// ---- reading an answer

/** The text as Python writes it, in quotes, and shortened. */
function quoted(text) {
  const written = (letters) => {
    const quote = letters.includes("'") && !letters.includes('"') ? '"' : "'";
    return quote + letters.map((letter) => escaped(letter, quote)).join("") + quote;
  };
  const letters = [...text];
  const all = [...written(letters.slice(0, SHORTEST.all))];
  if (all.length <= SHORTEST.all) return all.join("");
  const ends = [...written([...letters.slice(0, SHORTEST.head), ...letters.slice(-SHORTEST.tail)])];
  return `${ends.slice(0, SHORTEST.head).join("")}...${ends.slice(-SHORTEST.tail).join("")}`;
}

function escaped(letter, quote) {
  if (letter === quote || letter === "\\") return `\\${letter}`;
  if (letter === " " || !/[\p{C}\p{Z}]/u.test(letter)) return letter;
  const named = { "\t": "\\t", "\n": "\\n", "\r": "\\r" }[letter];
  const code = letter.codePointAt(0).toString(16);
  return named ?? (code.length < 3 ? `\\x${code.padStart(2, "0")}` : code.length < 5 ? `\\u${code.padStart(4, "0")}` : `\\U${code.padStart(8, "0")}`);
}

/** The numbers in `18x16x16`, `(18, 16, 16)`, `torch.Size([18, 16, 16])`, `16`, `2.5`; null for other text. */
function numbersIn(text) {
  const bare = text.trim().replaceAll("−", "-").replace(/^torch\.Size/, "").replace(/^[()[\] ]+|[()[\] ]+$/g, "");
  const parts = bare.split(/\s*[x×*,]\s*|\s+/).filter(Boolean);
  return parts.length && parts.every((part) => /^-?[0-9]{1,15}(\.[0-9]+)?$/.test(part)) ? parts.map(Number) : null;
}

/** What was typed, as an answer of the kind that `right` is of, or null. */
function read(text, right) {
  if (text.replace(/^[ .!'"]+|[ .!'"]+$/g, "").toLowerCase() === "error") return "error";
  const numbers = numbersIn(text);
  if (!numbers) return null;
  if (Array.isArray(right)) return numbers.length > 1 || text.includes(",") ? numbers : null;
  return numbers.length === 1 ? numbers[0] : null;
}

/** Whole numbers must be equal, others to the decimals that were given. */
function isSame(value, given) {
  if (Array.isArray(value) || Array.isArray(given))
    return Array.isArray(value) && Array.isArray(given) && value.length === given.length && value.every((part, place) => isSame(part, given[place]));
  if (typeof value !== "object" || typeof given === "string") return value === given;
  const decimals = Number.isInteger(given) ? 0 : (String(given).split(".")[1] ?? "").length;
  const margin = decimals < 2 ? 0.051 : 1.01 * 10 ** -decimals;
  return Math.abs(value.about - given) <= Math.max(margin, 1e-6 * Math.max(1, Math.abs(value.about)));
}

/** As it stands in a sentence: whole numbers whole, others with two decimals at most. */
function shown(value) {
  if (Array.isArray(value)) return `(${value.map(shown).join(", ")}${value.length === 1 ? "," : ""})`;
  return typeof value === "string" ? value : String(rounded(value));
}

/** To two decimals; eighths lie in the middle between two of them, and Python takes the even one. */
function rounded(number) {
  const cents = number * 100;
  const isInTheMiddle = Number.isInteger(number * 8) && Math.abs(cents % 1) === 0.5;
  return (isInTheMiddle ? 2 * Math.round(cents / 2) / 100 : Number(number.toFixed(2))) || 0;
}

// ---- what is kept

const events = new Map(); // by their JSON, so that each is there only once, in order
let isToldOfStorage = false;

function restore() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT) ?? "[]");
    for (const event of kept)
      if (typeof event?.question === "string" && typeof event.what === "string") events.set(JSON.stringify(event), event);
  } catch {
    events.clear(); // nothing can be kept, or what was kept is damaged: the page starts afresh
  }
}

/** Keep an event, each only once; false if the browser does not keep it beyond this page. */
function keep(event) {
  events.set(JSON.stringify(event), event);
  try {
    localStorage.setItem(KEPT, `[${[...events.keys()]}]`);
    return true;
  } catch {
    return false;
  }
}

const eventsOf = (name, seed = null) => [...events.values()].filter((event) => event.question === name && (seed === null || event.seed === seed));

// ---- a question

const element = (tag, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};

const makeButton = (text, onclick) => element("button", { type: "button", textContent: text, onclick });

/** A field to type a number or a shape into. */
function makeField(label) {
  const input = element("input", { type: "text", autocomplete: "off", spellcheck: false });
  return {
    root: element("label", {}, `${label}: `, input),
    value: () => input.value,
    begin: (set, answer = "") => (input.value = answer),
  };
}

/** Lines to put in order: dragged, or moved by their arrows. Their letters, from the first line to the last, are the answer. */
function makeLines(label) {
  const root = element("ol", { className: "lines" });
  root.setAttribute("aria-label", `${label}: lines to put in order`);
  const move = (line, step) => {
    const other = step < 0 ? line.previousElementSibling : line.nextElementSibling;
    if (other) line[step < 0 ? "after" : "before"](other); // the line stays: taken out, it would lose focus and pointer
  };
  function makeLine([letter, code]) {
    const arrow = (sign, step, where) => {
      const made = makeButton(sign, () => move(line, step));
      made.setAttribute("aria-label", `${letter} ${where}`);
      return made;
    };
    const line = element("li", {}, element("code", {}, `${letter}: ${code}`), arrow("↑", -1, "up"), arrow("↓", 1, "down"));
    line.dataset.letter = letter;
    line.onpointerdown = (event) => event.target.closest("button") || line.setPointerCapture(event.pointerId);
    line.onpointermove = ({ pointerId, clientY }) => {
      if (!line.hasPointerCapture(pointerId)) return;
      const { top, bottom } = line.getBoundingClientRect();
      if (clientY < top || clientY > bottom) move(line, clientY < top ? -1 : 1);
    };
    return line;
  }
  return {
    root,
    value: () => [...root.children].map((line) => line.dataset.letter).join(""),
    begin({ lines }, answer = "") {
      const given = [...answer].length === Object.keys(lines).length ? [...answer] : Object.keys(lines);
      root.replaceChildren(...given.map((letter) => makeLine([letter, lines[letter]])));
    },
  };
}

/** The form of one question, in the place where its cell was: `about` is what Python wrote of it. */
function ask(place, about) {
  const label = about.name.split(".")[1];
  let seed = 0;
  const said = element("div", { className: "said" });
  said.setAttribute("aria-live", "polite");
  const answer = (about.sets[0].lines ? makeLines : makeField)(label);
  const solution = makeButton(`${label}.solution()`, () => tell("solution"));
  solution.hidden = true;
  const form = element(
    "form", { className: "question" },
    answer.root, element("button", { textContent: "Check" }),
    makeButton(`${label}.hint()`, () => tell("hint")), makeButton(`${label}.again()`, again), solution,
  );
  form.onsubmit = (event) => (event.preventDefault(), check(answer.value()));
  place.lang = LANGUAGE;
  place.replaceChildren(form, said);
  answer.begin(about.sets[0], eventsOf(about.name, 0).findLast((event) => event.what === "answer")?.given);

  const say = (html, isKept = true) => {
    said.innerHTML = html;
    if (isKept || isToldOfStorage) return;
    isToldOfStorage = true;
    said.append(element("p", { className: "no-kernel" }, "The browser keeps nothing for this page: your answers last until you leave it."));
  };
  const record = (event) => keep({ question: about.name, seed, ...event });

  function check(text) {
    const { answers, unknown, unread, lines } = about.sets[seed];
    const given = lines ? text : read(text, answers[0].value);
    if (given === null) return say(unread.replace(GIVEN, () => asHtml(quoted(text))));
    const known = answers.find(({ value }) => isSame(value, given));
    const isKept = record({ what: "answer", given: shown(given), is_right: known?.right ?? false, mistakes: known?.mistakes ?? [] });
    const wrong = eventsOf(about.name, seed).filter((event) => event.what === "answer" && !event.is_right).length;
    const html = known ? known.said : unknown[Math.min(wrong, unknown.length) - 1];
    say(html.replace(GIVEN, () => asHtml(shown(given))), isKept);
    if (seed === 0 && known?.right) shows?.setAttribute("open", "");
    look();
  }

  function tell(what) {
    const { hints, solution: solved } = about.sets[seed];
    if (what === "solution") return say(solved, record({ what })), look();
    const seen = eventsOf(about.name, seed).filter((event) => event.what === "hint").length;
    const isLast = seen >= hints.length - 1;
    say(hints[Math.min(seen, hints.length - 1)], isLast || record({ what, number: seen + 1 }));
    solution.hidden = !isLast;
    look();
  }

  function again() {
    seed = (seed + 1) % about.sets.length;
    answer.begin(about.sets[seed]);
    solution.hidden = true;
    say(about.sets[seed].question);
  }

  // The cell that shows the result opens by itself when it was predicted; who opens it before is told so at the end.
  const shows = document.querySelector(`details[data-reveals="${label}"]`);
  shows?.addEventListener("toggle", () => {
    const isSolved = eventsOf(about.name, 0).some((event) => event.is_right);
    if (shows.open && !isSolved) (keep({ question: about.name, seed: 0, what: "reveal" }), look());
  });
}

const asHtml = (text) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replace(/`([^`]+)`/g, "<code>$1</code>");

// ---- looking back, as helpers/exercises/progress.py does

const [AT_FIRST, AFTER_SOLUTION, AFTER_SHOWN] = ["right at first", "right after the solution", "right after it was shown"];
const [NOT_YET, UNANSWERED] = ["not right yet", "not answered"];
const HEADS = "question, about, result, mistakes"; // in one text, as there

const isRight = (result) => !result.startsWith(NOT_YET) && result !== UNANSWERED;
const times = (counts) => [...counts].sort((one, other) => other[1] - one[1]).map(([name, n]) => (n > 1 ? `${name}, ${n} times` : name)).join("; ");

function resultOf(all, seed = 0) {
  const own = all.filter((event) => event.seed === seed);
  const answers = own.filter((event) => event.what === "answer");
  const place = own.findIndex((event) => event.is_right);
  if (place < 0) return answers.length ? `${NOT_YET}, ${answers.length} answer${answers.length === 1 ? "" : "s"}` : UNANSWERED;
  const before = own.slice(0, place).map((event) => event.what);
  if (before.includes("solution")) return AFTER_SOLUTION;
  if (before.includes("reveal")) return AFTER_SHOWN;
  const [wrong, hints] = ["answer", "hint"].map((what) => before.filter((each) => each === what).length);
  const steps = [
    ...(wrong ? [`${wrong} wrong answer${wrong === 1 ? "" : "s"}`] : []),
    ...(hints ? [`${hints} hint${hints === 1 ? "" : "s"}`] : []),
  ];
  return steps.length ? `right after ${steps.join(" and ")}` : AT_FIRST;
}

function practice(own) {
  const seeds = new Set(own.filter((event) => event.seed && event.what === "answer").map((event) => event.seed));
  const solved = [...seeds].map((seed) => resultOf(own, seed)).filter((result) => isRight(result) && result !== AFTER_SOLUTION);
  return seeds.size ? `; ${solved.length} of ${seeds.size} with other numbers` : "";
}

function mistakesIn(own, found = new Map()) {
  const solved = new Set();
  for (const { what, seed, is_right, mistakes } of own) {
    if (what !== "answer" || solved.has(seed)) continue;
    if (is_right) solved.add(seed);
    if (mistakes.length) found.set(mistakes.join(" or "), (found.get(mistakes.join(" or ")) ?? 0) + 1);
  }
  return found;
}

/** { headline, rows, paragraphs } of the page's questions. */
function progress(questions) {
  const all = new Map();
  const again = new Set();
  let [right, atFirst] = [0, 0];
  const rows = questions.map((about) => {
    const own = eventsOf(about.name);
    const result = resultOf(own);
    const mistakes = about.triedOut && isRight(result) ? new Map() : mistakesIn(own);
    right += isRight(result);
    atFirst += result === AT_FIRST;
    for (const [name, n] of mistakes) all.set(name, (all.get(name) ?? 0) + n);
    const isShaky = mistakes.size || [AFTER_SOLUTION, AFTER_SHOWN].includes(result) || result.startsWith(NOT_YET);
    if (own.some((event) => event.what !== "reveal") && isShaky) again.add(about.reread);
    return [about.name.split(".")[1], about.title, result + practice(own), times(mistakes)];
  });
  const often = times([...all].filter(([, n]) => n > 1));
  return {
    headline: `${right} of ${questions.length} right${right ? `, ${atFirst} of them at first and without a hint` : ""}.`,
    rows: [HEADS.split(", "), ...rows],
    paragraphs: [...(often ? [["came back", often]] : []), ...(again.size ? [["to read again", [...again].join("; ")]] : [])],
  };
}

const NOTHING = "Nothing is answered yet: there is nothing to hand in.";

/** The same as text, with every answer to any lesson in order: the file that `progress().export()` writes. */
function exported(questions) {
  const { headline, rows, paragraphs } = progress(questions);
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => [...row[column]].length)));
  const aligned = rows.map((row) => `  ${row.map((cell, column) => cell + " ".repeat(widths[column] - [...cell].length)).join("  ")}`.trimEnd());
  const told = paragraphs.map(([label, text]) => `  ${label}: ${text}`);
  const said = ({ what, given, is_right, mistakes }) =>
    what === "answer" ? `${given.split(/\s+/).filter(Boolean).join(" ")} → ${[is_right ? "right" : "wrong", ...mistakes].join("; ")}` : what;
  const lessons = new Set(questions.map(({ name }) => name.split(".")[0]));
  const names = new Set([...questions.map(({ name }) => name), ...[...events.values()].map(({ question }) => question)]);
  const lines = [...names].flatMap((name) => eventsOf(name).map((event) => `${name}${event.seed ? `, seed ${event.seed}` : ""}: ${said(event)}\n`));
  return `Lesson ${[...lessons].join(", ")}\n${[`progress · ${headline}`, ...aligned, ...told].join("\n")}\n\nEvery answer, in order\n${lines.join("")}`;
}

let look = () => {}; // draws the table anew

function lookBack(place, questions) {
  const card = element("div", { className: "cs-answer cs-answer-note" });
  const said = element("p");
  said.setAttribute("aria-live", "polite");
  const save = makeButton("Save as progress.txt", () => {
    const isAnswered = [...events.values()].some(({ what }) => what === "answer");
    said.textContent = isAnswered ? "" : NOTHING;
    if (!isAnswered) return;
    const address = URL.createObjectURL(new Blob([exported(questions)], { type: "text/plain" }));
    element("a", { href: address, download: "progress.txt" }).click();
    URL.revokeObjectURL(address);
  });
  const anew = makeButton("Delete all answers", () => {
    if (!confirm("Delete your answers to this lesson, and to all others that this page can reach?")) return;
    try {
      localStorage.removeItem(KEPT);
    } catch {
      // nothing could be kept
    }
    location.reload();
  });
  place.lang = LANGUAGE;
  place.replaceChildren(card, save, " ", anew, said);
  look = () => {
    const { headline, rows, paragraphs } = progress(questions);
    const cell = (tag, scope) => (text) => element(tag, { textContent: text, ...(scope && { scope }) });
    const [heads, ...body] = rows;
    const table = element(
      "table", {},
      element("thead", {}, element("tr", {}, ...heads.map(cell("th", "col")))),
      element("tbody", {}, ...body.map(([first, ...rest]) => element("tr", {}, cell("th", "row")(first), ...rest.map(cell("td"))))),
    );
    const told = paragraphs.map(([label, text]) => element("p", {}, element("b", { textContent: label }), `: ${text}`));
    const title = element("p", {}, element("b", { textContent: "progress" }), " ", element("strong", { textContent: `· ${headline}` }));
    card.replaceChildren(title, element("div", { className: "cs-answer-box" }, table), ...told);
  };
  look();
}

// ---- the page

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
}

restore();
unpacked(document.querySelector("script[type='application/x-questions']").textContent).then((questions) => {
  for (const about of questions.filter((each) => each.sets.length))
    for (const place of document.querySelectorAll(`[data-question="${about.name}"]`)) ask(place, about);
  for (const place of document.querySelectorAll("[data-progress]")) lookBack(place, questions);
});
