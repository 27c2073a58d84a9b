// Reads a typed line with Node's line editor. Each line gets a new editor, so that no editor is active while an answer is shown.
import { createInterface, type Interface } from "node:readline";
import type { Keyboard } from "./keyboard.ts";

export type TypedLine =
  | { readonly kind: "line"; readonly text: string }
  /** Ctrl-C; `empty` when the line had no text. */
  | { readonly kind: "interrupt"; readonly empty: boolean }
  /** Ctrl-D, or the terminal was closed. */
  | { readonly kind: "end" };

export interface LineRequest {
  readonly prompt: string;
  /** Earlier messages, newest first as the editor requires, each on one line. */
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
      // Call before the editor closes, because closing reports the end of the input.
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
