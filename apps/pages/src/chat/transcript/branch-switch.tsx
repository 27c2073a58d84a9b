// Owns the switch between branches of a conversation: "‹ 2 of 3 ›" on a message with siblings.
import type { VNode } from "preact";
import { IconButton } from "../../parts/icons.tsx";
import { usePage } from "../page.ts";

export interface BranchesProps {
  /** Ids of all messages that follow the same message, oldest first. A single message has no switch. */
  readonly siblings: readonly string[];
  readonly shown: string;
  /** The noun in the switch's labels. */
  readonly kind: "answer" | "message";
}

export function BranchSwitch({ siblings, shown, kind }: BranchesProps): VNode | null {
  if (siblings.length < 2) return null;
  const at = siblings.indexOf(shown);
  return (
    <span class="branches small muted numbers" role="group" aria-label={`Versions of this ${kind}`}>
      <Step to={siblings[at - 1]} label={`Previous ${kind}`} icon="previous" />
      <span>{`${at + 1} of ${siblings.length}`}</span>
      <Step to={siblings[at + 1]} label={`Next ${kind}`} icon="next" />
    </span>
  );
}

interface StepProps {
  readonly to: string | undefined;
  readonly label: string;
  readonly icon: "previous" | "next";
}

function Step({ to, label, icon }: StepProps): VNode {
  const { chat } = usePage();
  return (
    <IconButton
      icon={icon}
      label={label}
      disabled={to === undefined}
      onClick={() => {
        if (to === undefined) return;
        chat.choose(to);
        focusStep(to, label);
      }}
    />
  );
}

/** Moves the focus to the same button on the newly shown message, because the pressed button disappears with its message. */
function focusStep(messageId: string, label: string): void {
  requestAnimationFrame(() => {
    const message = document.querySelector(`[data-turn="${CSS.escape(messageId)}"]`);
    const steps = [...(message?.querySelectorAll<HTMLButtonElement>(".branches button:not(:disabled)") ?? [])];
    (steps.find((step) => step.title === label) ?? steps[0])?.focus();
  });
}
