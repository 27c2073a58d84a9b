// Owns one setting in the dialog: its label, field, hint, reset and problem.
import type { ComponentChildren, VNode } from "preact";

export interface SettingFieldProps {
  /** Unique on the page. */
  readonly id: string;
  readonly label: string;
  readonly hint: string;
  readonly problem: string | undefined;
  /** Absent for an empty field. */
  readonly onReset: (() => void) | undefined;
  readonly children: (field: DescribedField) => ComponentChildren;
}

/** Attributes that connect the field to its hint and problem. */
export interface DescribedField {
  readonly id: string;
  readonly "aria-describedby": string;
  readonly "aria-invalid": boolean;
}

export function SettingField({ id, label, hint, problem, onReset, children }: SettingFieldProps): VNode {
  const hintId = `${id}-hint`;
  const problemId = `${id}-problem`;
  return (
    <div class="setting">
      <div class="setting-head">
        <label class="strong" for={id}>
          {label}
        </label>
        {onReset !== undefined && (
          <button type="button" class="button tiny quiet" aria-label={`Reset ${label}`} onClick={onReset}>
            Reset
          </button>
        )}
      </div>
      {children({
        id,
        "aria-describedby": problem === undefined ? hintId : `${problemId} ${hintId}`,
        "aria-invalid": problem !== undefined,
      })}
      {problem !== undefined && (
        <p id={problemId} class="setting-problem small">
          {problem}
        </p>
      )}
      <p id={hintId} class="small muted">
        {hint}
      </p>
    </div>
  );
}
