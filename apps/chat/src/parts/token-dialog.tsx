// Owns the API token as the visitor meets it: asked for when the daemon wants one, given later, changed, forgotten.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Api, TokenAsked } from "../wire/api.ts";
import { formText } from "./form-text.ts";

type Asked = Exclude<TokenAsked, "no">;

const titles: Readonly<Record<Asked, string>> = {
  first: "An API token is needed",
  wrong: "An API token is needed",
  admin: "To change models, give an admin token",
  change: "Change the API token",
};

const explanations: Readonly<Record<Asked, string>> = {
  first: "This server answers only with one. Whoever runs it can give you one.",
  wrong: "This server answers only with one. Whoever runs it can give you one.",
  admin: "It takes the place of the one that this page has. Then ask for the change again.",
  change: "The new one takes the place of the one that this page has.",
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

  /** However it is closed: the page then works without a token, and says so. */
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
        {trouble.value !== undefined && (
          <p class="notice bad" role="alert">
            {troubles[trouble.value]}
          </p>
        )}
        <label class="field">
          <span>API token</span>
          <input class="input mono" name="token" type="password" autocomplete="off" required autofocus />
        </label>
        <label class="row check small">
          <input type="checkbox" name="keep" /> Keep it in this browser after the tab is closed
        </label>
        <div class="row end">
          {asked === "change" && (
            <button type="button" class="button quiet" onClick={api.forgetToken}>
              Forget the token
            </button>
          )}
          <button type="button" class="button quiet" onClick={close}>
            Cancel
          </button>
          <button class="button primary" disabled={checking.value}>
            {checking.value ? "Checking…" : "Continue"}
          </button>
        </div>
      </form>
    </dialog>
  );
}

/** Where the daemon wants a token and the visitor gave none: nothing works, and this says why. */
export function TokenNotice({ api }: { readonly api: Api }): VNode | null {
  if (!api.tokenDeclined.value) return null;
  return (
    <div class="notice bad spread" role="alert">
      <span>No API token: the server answers only with one.</span>
      <button type="button" class="button tiny" onClick={() => (api.tokenAsked.value = "first")}>
        Give a token
      </button>
    </div>
  );
}

/** Where a token is in use: another one can be given, or none. */
export function TokenButton({ api }: { readonly api: Api }): VNode | null {
  if (!api.hasToken.value) return null;
  return (
    <button
      type="button"
      class="button tiny"
      aria-label="Change API token"
      onClick={() => (api.tokenAsked.value = "change")}
    >
      API token
    </button>
  );
}
