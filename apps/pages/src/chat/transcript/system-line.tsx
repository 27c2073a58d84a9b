// Owns the line above a conversation that shows the beginning of its system prompt, and opens the settings on a click.
import type { VNode } from "preact";
import { useContext } from "preact/hooks";
import { PageActionsContext } from "../page-actions.ts";

export function SystemLine({ system }: { readonly system: string }): VNode | null {
  const page = useContext(PageActionsContext);
  const text = system.trim().replaceAll(/\s+/g, " ");
  if (text === "") return null;
  return (
    <button type="button" class="system-line small muted" title="Change it in Settings" onClick={page.openSettings}>
      <span class="strong">System prompt:</span> <span class="system-text">{text}</span>
    </button>
  );
}
