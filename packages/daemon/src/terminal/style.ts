// Owns styled text: SGR sequences if colours are on, otherwise plain text.

export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

/** @param begin of each sequence */
export function createStyle(colors: boolean, begin = "\u001b["): Style {
  const sgr =
    (on: number, off: number) =>
    (text: string): string =>
      colors && text !== "" ? `${begin}${on}m${text}${begin}${off}m` : text;
  return {
    bold: sgr(1, 22),
    dim: sgr(2, 22),
    red: sgr(31, 39),
    green: sgr(32, 39),
    yellow: sgr(33, 39),
    cyan: sgr(36, 39),
  };
}
