// Owns the dialog, notice and button to enter, change and forget the API token.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Api, TokenAsked } from "../wire/api.ts";
import { Alert } from "./alert.tsx";
import { formText } from "./form-text.ts";
import { Button } from "./icons.tsx";

type Asked = Exclude<TokenAsked, "no">;

const titles: Readonly<Record<Asked, string>> = {
  first: "API token required",
  wrong: "API token required",
  admin: "Changing models requires an admin token",
  change: "Change the API token",
};

const explanations: Readonly<Record<Asked, string>> = {
  first: "This server requires an API token. Ask its operator for one.",
  wrong: "This server requires an API token. Ask its operator for one.",
  admin: "Replaces the current token. Then repeat the action.",
  change: "Replaces the current token.",
};

type Trouble = "wrong" | "unreachable";

const troubles: Readonly<Record<Trouble, string>> = {
  wrong: "Wrong token: the server did not accept it.",
  unreachable: "The server does not answer, so the token could not be checked. Try again.",
};

export function TokenDialog({ api }: { readonly api: Api }): VNode | null {
  const asked = api.tokenAsked.value;
  return asked === "no" ? null : <OpenDialog key={asked} api={api} asked={asked} />;
}

function OpenDialog({ api, asked }: { readonly api: Api; readonly asked: Asked }): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  const trouble = useSignal<Trouble | undefined>(asked === "wrong" ? "wrong" : undefined);
  const checking = useSignal(false);
  useEffect(() => {
    if (dialog.current?.open === false) dialog.current.showModal();
  }, []);

  /** Called whenever the dialog closes without a token: the page then continues without a token, with a notice. */
  function close(): void {
    if (api.tokenAsked.peek() !== asked) return;
    if (asked === "first" || asked === "wrong") api.declineToken();
    else api.tokenAsked.value = "no";
  }

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const fields = new FormData(form);
    const token = formText(fields, "token");
    if (token === "" || checking.peek()) return;
    checking.value = true;
    const outcome = await api.giveToken(token, fields.get("keep") !== null);
    checking.value = false;
    trouble.value = outcome === "taken" ? undefined : outcome;
    if (outcome === "wrong") form.querySelector<HTMLInputElement>("[name=token]")?.select();
  }

  return (
    <dialog class="dialog" ref={dialog} aria-labelledby="token-title" onCancel={close} onClose={close}>
      <form onSubmit={(event) => void submit(event)}>
        <h2 id="token-title">{titles[asked]}</h2>
        <p class="small muted">{explanations[asked]}</p>
        <Alert text={trouble.value && troubles[trouble.value]} />
        <label class="field">
          <span>API token</span>
          <input class="input mono" name="token" type="password" autocomplete="off" required autofocus />
        </label>
        <label class="row check small">
          <input type="checkbox" name="keep" /> Keep the token in this browser after the tab is closed
        </label>
        <div class="row end">
          {asked === "change" && <Button label="Forget the token" kind="quiet" onClick={api.forgetToken} />}
          <Button label="Cancel" kind="quiet" onClick={close} />
          <button class="button primary" disabled={checking.value}>
            {checking.value ? "Checking…" : "Continue"}
          </button>
        </div>
      </form>
    </dialog>
  );
}

/** Shown when the daemon requires a token and the visitor gave none, so that no request succeeds. */
export function TokenNotice({ api }: { readonly api: Api }): VNode | null {
  if (!api.tokenDeclined.value) return null;
  return (
    <div class="notice bad spread" role="alert">
      <span>No API token: the server requires one.</span>
      <Button label="Enter a token" onClick={() => (api.tokenAsked.value = "first")} />
    </div>
  );
}

/** Shown while a token is in use, to change or forget it. */
export function TokenButton({ api }: { readonly api: Api }): VNode | null {
  if (!api.hasToken.value) return null;
  return <Button label="API token" aria-label="Change API token" onClick={() => (api.tokenAsked.value = "change")} />;
}
