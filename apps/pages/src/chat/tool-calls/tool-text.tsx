// Owns the card of a tool call's arguments or result.
import type { ComponentChildren, VNode } from "preact";
import { CopyButton } from "../../parts/copy-button.tsx";
import { Icon, type IconName } from "../../parts/icons.tsx";
import { Verbatim } from "./verbatim.tsx";

export interface ToolTextProps {
  /** The call or the tool in the page's markup. */
  readonly about: { readonly "data-call": string } | { readonly "data-result": string };
  readonly kind?: string;
  readonly icon: IconName;
  readonly text: string;
  /** For screen readers. */
  readonly label: string;
  /** Undefined while the text cannot be copied. */
  readonly copyLabel: string | undefined;
  readonly children: ComponentChildren;
}

export function ToolText({ about, kind = "", icon, text, label, copyLabel, children }: ToolTextProps): VNode {
  return (
    <figure class={`code ${kind}`} {...about}>
      <figcaption class="spread">
        <span class="row tool-name">
          <Icon name={icon} />
          {children}
        </span>
        {copyLabel !== undefined && <CopyButton text={text} label={copyLabel} />}
      </figcaption>
      <Verbatim text={text} label={label} />
    </figure>
  );
}
