// Owns the line above a conversation that shows the beginning of its system prompt, and opens the settings on a click.
import type { VNode } from "preact";
import { usePage } from "../page.ts";

export function SystemLine({ system }: { readonly system: string }): VNode | null {
  const page = usePage();
  const text = system.trim().replaceAll(/\s+/g, " ");
  if (text === "") return null;
  return (
    <button type="button" class="system-line small muted" title="Change it in Settings" onClick={page.openSettings}>
      <span class="strong">System prompt:</span> <span class="system-text">{text}</span>
    </button>
  );
}
