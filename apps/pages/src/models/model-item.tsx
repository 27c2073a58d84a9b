// Owns the rows of all lists of models.
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
