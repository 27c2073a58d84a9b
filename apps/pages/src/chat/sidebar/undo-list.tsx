// Owns the list of conversations and messages that were just deleted, each with a button to undo that.
import type { VNode } from "preact";
import { usePage } from "../page.ts";

export function UndoList(): VNode {
  const { undoable, undo } = usePage().deletions;
  return (
    <ul class="undo-list" aria-live="polite">
      {undoable.value.map(({ id, title }) => (
        <li key={id} class="spread">
          <span class="small">{`Deleted “${title}”`}</span>
          <button type="button" class="button tiny" onClick={() => undo(id)}>
            Undo
          </button>
        </li>
      ))}
    </ul>
  );
}
