// Owns a line that a person types: Node's own line editor on the keyboard, made anew for each line, so that nothing of it is in the way
// of an answer.
import { createInterface, type Interface } from "node:readline";
import type { Keyboard } from "./keyboard.ts";

export type TypedLine =
  | { readonly kind: "line"; readonly text: string }
  /** Ctrl-C; `empty`: there was nothing to take back. */
  | { readonly kind: "interrupt"; readonly empty: boolean }
  /** Ctrl-D, or the terminal has gone. */
  | { readonly kind: "end" };

export interface LineRequest {
  readonly prompt: string;
  /** Newest first, as the editor wants it, each on one line. */
  readonly history: readonly string[];
  readonly complete: (line: string) => [candidates: string[], replaced: string];
}

export function readLine(
  keyboard: Pick<Keyboard, "input" | "open" | "shut">,
  output: NodeJS.WritableStream,
  { prompt, history, complete }: LineRequest,
): Promise<TypedLine> {
  const editor: Interface = createInterface({
    input: keyboard.input,
    output,
    terminal: true,
    prompt,
    history: [...history],
    removeHistoryDuplicates: true,
    completer: complete,
  });
  return new Promise((resolve) => {
    function settle(line: TypedLine): void {
      // First: closing says that the input has ended.
      keyboard.shut();
      resolve(line);
      editor.close();
    }
    editor.once("line", (text) => settle({ kind: "line", text }));
    editor.once("SIGINT", () => settle({ kind: "interrupt", empty: editor.line === "" }));
    editor.once("close", () => {
      keyboard.shut();
      resolve({ kind: "end" });
    });
    editor.prompt();
    keyboard.open();
  });
}
