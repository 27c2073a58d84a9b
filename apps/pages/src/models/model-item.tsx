// Owns the rows of all lists of models, and their buttons.
import type { ComponentChildren, VNode } from "preact";

export interface ModelItemProps {
  readonly title: string;
  /** What the row shows of the title. */
  readonly shortTitle?: string | undefined;
  readonly heading?: "h4" | "h5";
  readonly badges?: ComponentChildren;
  readonly buttons?: ComponentChildren;
  /** The line below the title. */
  readonly facts: string;
  readonly children?: ComponentChildren;
  readonly [attribute: `data-${string}`]: string;
}

export function ModelItem(props: ModelItemProps): VNode {
  const { title, shortTitle = title, heading: Heading = "h4", badges, buttons, facts, children, ...attributes } = props;
  return (
    <li class="model" {...attributes}>
      <div class="spread">
        <Heading class="row anywhere">
          {shortTitle}
          {badges}
        </Heading>
        <span class="row end">{buttons}</span>
      </div>
      {facts !== "" && <p class="small muted numbers anywhere">{facts}</p>}
      {children}
    </li>
  );
}

export interface ActionButtonProps {
  readonly label: string;
  /** The name for screen readers, with the model's name: all rows have the same buttons. */
  readonly name: string;
  readonly primary?: boolean;
  readonly disabled?: boolean;
  readonly pressed?: boolean | undefined;
  readonly expanded?: boolean;
  readonly onClick: () => unknown;
}

export function ActionButton({ label, name, primary = false, onClick, ...states }: ActionButtonProps): VNode {
  return (
    <button
      type="button"
      class={primary ? "button tiny primary" : "button tiny"}
      aria-label={name}
      aria-pressed={states.pressed}
      aria-expanded={states.expanded}
      disabled={states.disabled}
      onClick={() => void onClick()}
    >
      {label}
    </button>
  );
}
