// Where the steps of a network stand: columns in their order, lanes for branches and skips, rows where the width ends.

import { upTo } from "./page/elements.js";

/**
 * Each step's { column, lane }, and the ways between them: { from, to, lane }, where `lane` is the one that a way takes
 * past the columns between, or its end's. A column is further right than all that its step reads.
 */
export function lanesOf(chain) {
  const [steps, ways, taken] = [[], [], []];
  const columns = (first, last) => upTo(Math.max(0, last - first + 1)).map((place) => first + place);
  const isFree = (lane, first, last) => columns(first, last).every((column) => !taken[lane]?.has(column));
  const take = (lane, first, last) => columns(first, last).forEach((column) => (taken[lane] ??= new Set()).add(column));
  const lowest = (first, last) => upTo(taken.length + 1).find((lane) => isFree(lane, first, last));
  chain.forEach(({ inputs }, index) => {
    const column = inputs.length ? 1 + Math.max(...inputs.map((input) => steps[input].column)) : 0;
    const nearest = [...inputs].sort((one, other) => steps[one].lane - steps[other].lane);
    const main = nearest.find((input) => isFree(steps[input].lane, steps[input].column + 1, column)) ?? nearest[0];
    const first = main === undefined ? column : steps[main].column + 1;
    const own = main !== undefined && isFree(steps[main].lane, first, column) ? steps[main].lane : lowest(first, column);
    take(own, first, column);
    steps.push({ column, lane: own });
    for (const input of new Set(inputs)) {
      const [begin, end] = [steps[input].column + 1, column - 1];
      const straight = input === main || begin > end;
      const lane = straight ? own : isFree(steps[input].lane, begin, end) ? steps[input].lane : lowest(begin, end);
      if (!straight) take(lane, begin, end);
      ways.push({ from: input, to: index, lane });
    }
  });
  return { steps, ways, columns: 1 + Math.max(...steps.map(({ column }) => column)) };
}

const THIN = 14; // pixels: a lane on which only a way runs
const ROW_GAP = 10; // between two rows
const TURN = 5; // so far inside a column a way turns
const TIP = "m-5 -4l5 4l-5 4"; // an arrow's

/** Columns of these widths, in rows no wider than the page: [{ row, x, width }]. What is left of a row its columns share. */
export function rowsOf(widths, room, most = Infinity) {
  const columns = [];
  let [row, x] = [0, 0];
  for (const width of widths) {
    if (x && x + width > room) [row, x] = [row + 1, 0];
    columns.push({ row, x, width });
    x += width;
  }
  for (let each = 0; each <= row; each++) {
    const own = columns.filter((column) => column.row === each);
    const { x: last, width } = own.at(-1);
    const extra = each < row || !row ? Math.min(most, Math.floor((room - last - width) / own.length)) : 0;
    own.forEach((column, place) => Object.assign(column, { x: column.x + place * extra, width: column.width + extra }));
  }
  return columns;
}

/**
 * Pixels for all that stands: `places` [{ x, y, width }] of the blocks, `paths` of the ways (for an SVG path), `height`.
 * `pictures` are how wide and high the blocks' are; around each there are `title` pixels above and below.
 */
export function placeSteps({ steps, ways }, columns, pictures, title) {
  const rowAt = (column) => columns[column].row;
  const rows = [];
  const lay = (row, lane, height) => {
    const lanes = (rows[row] ??= []);
    lanes[lane] = Math.max(lanes[lane] ?? 0, height);
  };
  steps.forEach(({ column, lane }, index) => lay(rowAt(column), lane, pictures[index].height + 2 * title + 4));
  for (const { from, to, lane } of ways)
    for (let row = rowAt(steps[from].column); row <= rowAt(steps[to].column); row++) lay(row, lane, THIN);
  let height = 0;
  const tops = rows.map((lanes) => {
    const each = Array.from(lanes, (lane = 0) => ((height += lane), height - lane));
    height += ROW_GAP;
    return each;
  });
  const lineOf = (row, lane) => tops[row][lane] + rows[row][lane] / 2;
  const right = Math.max(...columns.map(({ x, width }) => x + width));
  const places = steps.map(({ column, lane }) => ({ ...columns[column], y: tops[rowAt(column)][lane], height: rows[rowAt(column)][lane], lane }));
  const paths = ways.map(({ from, to, lane }) => {
    const [start, end] = [places[from], places[to]];
    return upTo(end.row - start.row + 1).map((step) => {
      const row = start.row + step;
      const [line, points] = [lineOf(row, lane), []];
      const [out, into] = [start.x + start.width - TURN, end.x + TURN];
      if (step) points.push([0, line]);
      else {
        const y = lineOf(row, start.lane);
        points.push([start.x + (start.width + pictures[from].width) / 2 + 2, y], [out, y], [out, line]);
      }
      if (row < end.row) points.push([right, line]);
      else {
        const y = lineOf(row, end.lane);
        points.push([into, line], [into, y], [end.x + (end.width - pictures[to].width) / 2 - 3, y]);
      }
      return `M${points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}${row < end.row ? "" : TIP}`;
    }).join("");
  });
  return { places, paths, height: height - ROW_GAP };
}
