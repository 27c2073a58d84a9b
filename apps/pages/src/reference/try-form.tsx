// Owns the form to try a route, in which the visitor completes a request and reads the server's answer.
import { useSignal } from "@preact/signals";
import type { ApiParameter } from "@waggle/protocol";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { formText } from "../parts/form-text.ts";
import type { Api } from "../wire/api.ts";
import type { RouteView } from "./document.ts";

/** Long enough for the worker to load a model first. */
const responseTimeoutMs = 600_000;
const longestAnswerChars = 65_536;

interface Result {
  readonly line: string;
  readonly good: boolean;
  readonly text: string;
}

export function TryForm({ api, route }: { readonly api: Api; readonly route: RouteView }): VNode {
  const result = useSignal<Result | undefined>(undefined);
  const running = useRef<AbortController>(undefined);
  const busy = useSignal(false);
  useEffect(() => () => running.current?.abort(), []);
  const { example } = route.request ?? {};
  const fields = route.parameters.filter((parameter) => parameter.in !== "header");

  async function send(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const abort = new AbortController();
    running.current = abort;
    busy.value = true;
    result.value = undefined;
    let answer = "";
    try {
      const body = formText(form, "body");
      const response = await api.request(addressOf(route, form), {
        method: route.method,
        signal: abort.signal,
        responseTimeoutMs,
        ...(body === "" ? {} : { body, headers: { "content-type": "application/json" } }),
      });
      const line = `${response.status} ${response.statusText}`.trim();
      await readAll(response, (text) => {
        answer = text;
        result.value = { line, good: response.ok, text };
      });
    } catch (error) {
      const line = abort.signal.aborted ? "Stopped" : error instanceof Error ? error.message : String(error);
      result.value = { line, good: false, text: answer };
    } finally {
      busy.value = false;
    }
  }

  return (
    <form class="try stack" onSubmit={(event) => void send(event)}>
      {fields.map((parameter) => (
        <ParameterField key={parameter.name} parameter={parameter} />
      ))}
      {route.request !== undefined && (
        <label class="field">
          <span>Body</span>
          <textarea class="input mono" name="body" rows={8} spellcheck={false}>
            {JSON.stringify(example ?? {}, undefined, 2)}
          </textarea>
        </label>
      )}
      <div class="row">
        <button class="button primary" disabled={busy.value}>
          {busy.value ? "Sending…" : `Send ${route.method}`}
        </button>
        {busy.value && (
          <button type="button" class="button" onClick={() => running.current?.abort()}>
            Stop
          </button>
        )}
      </div>
      {result.value !== undefined && (
        <div role="status">
          <p>
            <span class={`badge ${result.value.good ? "good" : "bad"}`}>{result.value.line}</span>
          </p>
          {result.value.text !== "" && (
            <pre class="code" tabIndex={0} aria-label="Answer">
              {result.value.text}
            </pre>
          )}
        </div>
      )}
    </form>
  );
}

function ParameterField({ parameter }: { readonly parameter: ApiParameter }): VNode {
  const { name, description, in: place } = parameter;
  return (
    <label class="field">
      <span>{name}</span>
      <input class="input mono" name={`${place}:${name}`} required={place === "path"} autocomplete="off" />
      {description !== undefined && <span class="muted hint">{description}</span>}
    </label>
  );
}

function addressOf(route: RouteView, form: FormData): string {
  const path = route.path.replaceAll(/\{([^}]+)\}/g, (_, name: string) =>
    encodeURIComponent(formText(form, `path:${name}`)),
  );
  const query = new URLSearchParams();
  for (const { name, in: place } of route.parameters) {
    const value = formText(form, `${place}:${name}`);
    if (place === "query" && value !== "") query.set(name, value);
  }
  return query.size === 0 ? path : `${path}?${query}`;
}

/** Shows the answer as it arrives; indents JSON at the end. */
async function readAll(response: Response, show: (text: string) => void): Promise<void> {
  let text = "";
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  show(text);
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true as const };
    if (done) break;
    text += value;
    show(shortened(text));
    if (text.length <= longestAnswerChars) continue;
    await reader?.cancel();
    return;
  }
  show(shortened(indented(text)));
}

function shortened(text: string): string {
  return text.length > longestAnswerChars ? `${text.slice(0, longestAnswerChars)}\n… the rest is not shown` : text;
}

function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2);
  } catch {
    return text;
  }
}
