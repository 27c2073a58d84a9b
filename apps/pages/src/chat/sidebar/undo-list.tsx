// Owns the list of conversations that were just deleted, each with a button to undo that.
import type { VNode } from "preact";
import type { Deletions } from "../storage/deletions.ts";

export function UndoList({ deletions }: { readonly deletions: Deletions }): VNode {
  return (
    <ul class="undo-list" aria-live="polite">
      {deletions.undoable.value.map(({ id, title }) => (
        <li key={id} class="spread">
          <span class="small">{`Deleted “${title}”`}</span>
          <button type="button" class="button tiny" onClick={() => deletions.undo(id)}>
            Undo
          </button>
        </li>
      ))}
    </ul>
  );
}
