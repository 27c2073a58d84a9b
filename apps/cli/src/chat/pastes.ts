// Owns pasted text that one line of input cannot show: its first words stand in the line, the rest is a marker such as `[+11 lines #3]`
// until the line is sent.

/** More of a first line than this goes into the marker too. */
const maxShownChars = 200;

export interface Pastes {
  /** What stands in the line for this text. Text without line breaks and controls stays as it is. */
  collapse(text: string): string;
  /** The line with what its markers stand for. */
  expand(line: string): string;
}

export function createPastes(): Pastes {
  const hidden = new Map<string, string>();
  return {
    collapse(raw) {
      const text = raw.replaceAll(/\r\n?/g, "\n");
      const control = text.search(/\p{Cc}/u);
      const end = Math.min(control === -1 ? text.length : control, maxShownChars);
      if (end === text.length) return text;
      const rest = text.slice(end);
      const lines = rest.split("\n").length - 1;
      const size = lines === 0 ? `${rest.length} characters` : `${lines} ${lines === 1 ? "line" : "lines"}`;
      const marker = `[+${size} #${hidden.size + 1}]`;
      hidden.set(marker, rest);
      return `${text.slice(0, end)}${marker}`;
    },
    expand: (line) =>
      line.replaceAll(/\[\+\d+ (?:lines?|characters) #\d+\]/g, (marker) => hidden.get(marker) ?? marker),
  };
}
