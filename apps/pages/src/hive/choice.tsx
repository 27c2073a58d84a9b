// Owns a choice between two views: buttons, one of which is pressed.
import type { VNode } from "preact";

export interface ChoiceProps<T extends string> {
  readonly label: string;
  readonly options: readonly T[];
  readonly chosen: T;
  readonly onChoose: (option: T) => void;
}

export function Choice<T extends string>({ label, options, chosen, onChoose }: ChoiceProps<T>): VNode {
  return (
    <div class="row" role="group" aria-label={label}>
      {options.map((option) => (
        <button
          type="button"
          class="button tiny"
          key={option}
          aria-pressed={option === chosen}
          onClick={() => onChoose(option)}
        >
          {option}
        </button>
      ))}
    </div>
  );
}
