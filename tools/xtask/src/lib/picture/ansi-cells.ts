// Owns what a terminal's pane shows, as runs of text of one look: from the text with SGR sequences that `tmux capture-pane -e` writes
// (ECMA-48, 8.3.117). Sequences other than SGR do not occur there.

export interface Run {
  readonly column: number;
  readonly text: string;
  readonly look: Look;
}

export interface Look {
  readonly bold: boolean;
  readonly dim: boolean;
  /** One of the eight colours, or undefined for the terminal's own. */
  readonly color: number | undefined;
}

const plain: Look = { bold: false, dim: false, color: undefined };
const escape = "\u001b";

/** A list of runs for each line; blanks of no look are left out. */
export function runsOf(pane: string): readonly (readonly Run[])[] {
  let look = plain;
  return pane.split("\n").map((line) => {
    const runs: Run[] = [];
    let column = 0;
    for (const [index, part] of line.split(`${escape}[`).entries()) {
      const end = index === 0 ? 0 : part.indexOf("m") + 1;
      if (index > 0) look = changed(look, part.slice(0, Math.max(0, end - 1)));
      const text = part.slice(end);
      if (text.trim() !== "") runs.push({ column, text, look });
      column += Array.from(text).length;
    }
    return runs;
  });
}

function changed(look: Look, parameters: string): Look {
  return parameters.split(";").map(Number).reduce(step, look);
}

function step(look: Look, code: number): Look {
  if (code === 0) return plain;
  if (code === 1) return { ...look, bold: true };
  if (code === 2) return { ...look, dim: true };
  if (code === 22) return { ...look, bold: false, dim: false };
  if (code >= 30 && code <= 37) return { ...look, color: code - 30 };
  return code === 39 ? { ...look, color: undefined } : look;
}
