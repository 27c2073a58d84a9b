// Owns the button that deletes one message or answer.
import type { VNode } from "preact";
import { IconButton } from "../../parts/icons.tsx";
import { usePage } from "../page.ts";

export function DeleteButton({ messageId, label }: { readonly messageId: string; readonly label: string }): VNode {
  const { deletions } = usePage();
  return (
    <IconButton
      icon="trash"
      label={label}
      onClick={() => {
        deletions.deleteMessage(messageId);
        // The button disappears with its message. The transcript is the nearest place that stays.
        document.querySelector<HTMLElement>(".transcript")?.focus();
      }}
    />
  );
}
