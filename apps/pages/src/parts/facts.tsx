// Owns lists of facts: a name above each value, with a dash for an unknown value.
import type { VNode } from "preact";

export type Fact = readonly [name: string, value: string | undefined];

export function Facts({ facts }: { readonly facts: readonly Fact[] }): VNode {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value ?? "–"}</dd>
        </div>
      ))}
    </dl>
  );
}
