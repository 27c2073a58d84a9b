// Owns asking for the API token, once, when the worker wants one.
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Api } from "../wire/api.ts";
import { formText } from "./form-text.ts";

export function TokenDialog({ api }: { readonly api: Api }): VNode | null {
  const dialog = useRef<HTMLDialogElement>(null);
  const asked = api.tokenAsked.value;
  useEffect(() => {
    if (asked !== "no" && dialog.current?.open === false) dialog.current.showModal();
  }, [asked]);
  if (asked === "no") return null;
  const optional = asked === "admin";

  function submit(event: SubmitEvent): void {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const token = formText(fields, "token");
    if (token !== "") api.giveToken(token, fields.get("keep") !== null);
  }

  return (
    <dialog
      class="dialog"
      ref={dialog}
      aria-labelledby="token-title"
      onCancel={(event) => {
        if (optional) api.tokenAsked.value = "no";
        else event.preventDefault();
      }}
    >
      <form onSubmit={submit}>
        <h2 id="token-title">
          {optional ? "To change models, give an admin token" : "This worker asks for an API token"}
        </h2>
        {optional && (
          <p class="small muted">It takes the place of the one that this page has. Then ask for the change again.</p>
        )}
        {asked === "wrong" && <p class="notice bad">The worker did not take that token.</p>}
        <label class="field">
          <span>API token</span>
          <input class="input mono" name="token" type="password" autocomplete="off" required autofocus />
        </label>
        <label class="row small">
          <input type="checkbox" name="keep" /> Keep it in this browser after the tab is closed
        </label>
        <div class="row end">
          {optional && (
            <button type="button" class="button quiet" onClick={() => (api.tokenAsked.value = "no")}>
              Cancel
            </button>
          )}
          <button class="button primary">Continue</button>
        </div>
      </form>
    </dialog>
  );
}
