// Owns one setting in the dialog: its label, field, hint and problem.
import type { VNode } from "preact";
import { settingFields, type FieldName } from "./fields.ts";
import type { SettingsForm } from "./settings-form.ts";

export function Setting({ form, name }: { readonly form: SettingsForm; readonly name: FieldName }): VNode {
  const { label, hint, placeholder, rows, prose = false, options } = settingFields[name];
  const id = `setting-${name}`;
  const problem = form.problems.value[name];
  const field = {
    id,
    value: form.draft.value[name],
    "aria-describedby": problem === undefined ? `${id}-hint` : `${id}-problem ${id}-hint`,
    "aria-invalid": problem !== undefined,
    onInput: (event: { readonly currentTarget: { readonly value: string } }) => {
      form.set(name, event.currentTarget.value);
      // Check while the visitor types: on blur, the problem's text would move a button away at the moment of the click.
      if (rows === undefined) form.check(name);
    },
  };
  return (
    <div class="setting">
      <label class="strong small" for={id}>
        {label}
      </label>
      {options !== undefined ? (
        <select {...field} class="choice">
          {options.map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </select>
      ) : rows === undefined ? (
        <input {...field} class="input numbers" autocomplete="off" placeholder={placeholder} />
      ) : (
        <textarea
          {...field}
          class={prose ? "input" : "input mono small"}
          rows={rows}
          spellcheck={prose}
          placeholder={placeholder}
        />
      )}
      {problem !== undefined && (
        <p id={`${id}-problem`} class="setting-problem small">
          {problem}
        </p>
      )}
      <p id={`${id}-hint`} class="small muted">
        {hint}
      </p>
    </div>
  );
}
