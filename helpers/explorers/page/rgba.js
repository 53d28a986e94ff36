// Colours as a canvas has them: parts of 0 to 255.

/** A colour's parts, 0 to 255. */
export function redGreenBlue(colour) {
  return [1, 3, 5].map((place) => parseInt(colour.slice(place, place + 2), 16));
}

/** A colour as a canvas keeps it in memory: one number, on the little-endian machines that browsers run on. */
export const packed = (red, green, blue, alpha = 255) => ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
