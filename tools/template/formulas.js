// Formulas in TeX, as JSON on the standard input, to MathML: node formulas.js path/to/katex.js
const katex = require(require("path").resolve(process.argv[2]));
const formulas = JSON.parse(require("fs").readFileSync(0, "utf-8"));
const written = ({ tex, display }) =>
  katex.renderToString(tex, { displayMode: display, output: "mathml", throwOnError: true });
process.stdout.write(JSON.stringify(formulas.map(written)));
