// Owns the button that deletes one message or answer.
import type { VNode } from "preact";
import { useContext } from "preact/hooks";
import { IconButton } from "../../parts/icons.tsx";
import { PageActionsContext } from "../page-actions.ts";

export function DeleteButton({ messageId, label }: { readonly messageId: string; readonly label: string }): VNode {
  const page = useContext(PageActionsContext);
  return (
    <IconButton
      icon="trash"
      label={label}
      onClick={() => {
        page.deleteMessage(messageId);
        // The button disappears with its message. The transcript is the nearest place that stays.
        document.querySelector<HTMLElement>(".transcript")?.focus();
      }}
    />
  );
}
