// Owns pasted text that an input line cannot show. Until the line is sent, it shows the beginning and a marker such as `[+11 lines #3]`.

/** Maximum number of characters shown of a paste; the marker replaces the rest. */
const maxShownChars = 200;

export interface Pastes {
  /** Returns the text that the line shows for this paste. Text without line breaks and control characters is unchanged. */
  collapse(text: string): string;
  /** Returns the line with its markers replaced by the pasted texts. */
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
