// Owns the button that shows the rest of a long list.
import type { Signal } from "@preact/signals";
import type { VNode } from "preact";
import { Button } from "./icons.tsx";

interface MoreButtonProps {
  readonly isWhole: Signal<boolean>;
  /** Number of entries that are not shown at first. */
  readonly more: number;
  /** What they are, in the singular. */
  readonly noun?: string;
}

export function MoreButton({ isWhole, more, noun = "" }: MoreButtonProps): VNode | null {
  if (more <= 0) return null;
  const words = isWhole.value ? "Show fewer" : `Show ${more} more`;
  const plural = more === 1 && !isWhole.value ? "" : "s";
  return (
    <div class="row">
      <Button
        label={noun === "" ? words : `${words} ${noun}${plural}`}
        aria-expanded={isWhole.value}
        onClick={() => (isWhole.value = !isWhole.value)}
      />
    </div>
  );
}
