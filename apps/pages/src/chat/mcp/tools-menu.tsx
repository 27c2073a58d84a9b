// Owns the menu of tools above the message box: a switch for each server and each tool, and what the tools cost in tokens.
import type { VNode } from "preact";
import { useEffect, useId, useLayoutEffect, useRef } from "preact/hooks";
import { formatCount, formatCounted } from "../../parts/format.ts";
import { IconButton } from "../../parts/icons.tsx";
import { withEscapes } from "../tool-calls/tool-calls.ts";
import type { ToolsButtonProps } from "./tools-button.tsx";
import { costOf, countOn, goneTools, isOn, namesOf, withTools, type McpChoice, type McpServer } from "./tool-choice.ts";

/** With more tools, the tools of each server are closed at first. */
const fewTools = 8;

type Turn = (names: readonly string[], on: boolean) => void;

export function ToolsMenu(props: ToolsButtonProps & { readonly onClose: () => void }): VNode {
  const { servers: source, settings, facts, onChoose, onSettings, onClose } = props;
  const { mcpTools: choice, tools: functions = [] } = settings;
  const dialog = useRef<HTMLDialogElement>(null);
  const list = source.list.value ?? { servers: [] };
  const { servers } = list;
  const gone = goneTools(choice, servers);
  const model = facts?.name;
  useEffect(() => {
    const leaving = new AbortController();
    void source.connect(model, leaving.signal);
    return () => leaving.abort();
  }, [source, model]);
  useLayoutEffect(() => {
    place(dialog.current);
    dialog.current?.showModal();
    const onResize = (): void => place(dialog.current);
    addEventListener("resize", onResize);
    return () => removeEventListener("resize", onResize);
  }, []);
  const few = namesOf(servers).length <= fewTools;
  const turn: Turn = (names, on) => onChoose(withTools(choice, servers, { names, on }));

  function openSettings(): void {
    dialog.current?.close();
    onSettings();
  }

  return (
    <dialog
      class="dialog tools-menu"
      ref={dialog}
      aria-labelledby="tools-title"
      onClose={onClose}
      onClick={(event) => event.target === event.currentTarget && event.currentTarget.close()}
    >
      <div class="tools-parts">
        <div class="spread">
          <h2 id="tools-title">Tools</h2>
          <IconButton icon="close" label="Close" onClick={() => dialog.current?.close()} />
        </div>
        <div class="tools-list">
          {servers.map((server) => (
            <ServerTools
              key={server.name}
              {...{ server, choice, turn }}
              connecting={source.connecting.value}
              few={few}
            />
          ))}
          {gone.length > 0 && (
            <div class="tool-server" role="group" aria-label="Gone tools">
              <p class="small muted">These tools are gone. Messages leave them out.</p>
              {gone.map((name) => (
                <Switch key={name} name={name} on onTurn={() => turn([name], false)} />
              ))}
            </div>
          )}
          {servers.length === 0 && <p class="tool-server">This worker has no tools that you may run.</p>}
          {functions.length > 0 && (
            <div class="spread small tool-server">
              {formatCounted(functions.length, "function")} from the settings
              <button type="button" class="button tiny" onClick={openSettings}>
                Open settings
              </button>
            </div>
          )}
        </div>
        <div class="tool-server small">
          <p class="strong" role="status">
            {sumWords(countOn(choice, servers) + functions.length, costOf(choice, list), facts?.context_size)}
          </p>
          <p class="muted">New conversations begin with the same tools.</p>
        </div>
      </div>
    </dialog>
  );
}

interface ServerToolsProps {
  readonly server: McpServer;
  readonly choice: McpChoice;
  readonly connecting: boolean;
  /** Whether to show the tools without a click. */
  readonly few: boolean;
  readonly turn: Turn;
}

function ServerTools({ server, choice, connecting, few, turn }: ServerToolsProps): VNode {
  const { name: serverName, tools } = server;
  const switches = tools.map(({ name, tool, description, needs_consent: asks, tokens }) => (
    <Switch
      key={name}
      name={tool}
      facts={`${asks ? "asks first" : "allowed"}${tokens === undefined ? "" : ` · ≈${formatCounted(tokens, "token")}`}`}
      about={description.split("\n", 1)[0]}
      on={isOn(choice, name)}
      onTurn={(on) => turn([name], on)}
    />
  ));
  return (
    <div class="tool-server" role="group" aria-label={serverName}>
      <Switch
        name={serverName}
        facts={stateWords(server, choice, connecting)}
        on={tools.some(({ name }) => isOn(choice, name))}
        disabled={tools.length === 0}
        onTurn={(on) => turn(namesOf([server]), on)}
      />
      {few ? (
        switches
      ) : (
        <details hidden={tools.length === 0}>
          <summary class="small">{formatCounted(tools.length, "tool")}</summary>
          {switches}
        </details>
      )}
    </div>
  );
}

/** Puts the menu above the message box. On phones, the stylesheet makes it a sheet. */
function place(menu: HTMLElement | null): void {
  const box = menu?.closest(".composer")?.getBoundingClientRect();
  if (menu === null || box === undefined) return;
  menu.style.setProperty("--left", `${box.left}px`);
  menu.style.setProperty("--bottom", `${innerHeight - box.top + 8}px`);
}

function stateWords({ name, state, problem, tools }: McpServer, choice: McpChoice, connecting: boolean): string {
  const on = tools.filter((tool) => isOn(choice, tool.name)).length;
  if (state === "ready") return tools.length === 0 ? "no tools" : `${on} of ${tools.length} on`;
  if (connecting || state === "connecting") return "connecting…";
  return state === "failed" ? `failed: ${problem ?? `${name} gave no reason`}` : "not connected";
}

function sumWords(on: number, cost: number | undefined, context: number | undefined): string {
  const sum = on === 0 ? "No tools are on." : `${formatCounted(on, "tool")} on.`;
  if (cost === undefined) return sum;
  const share = context === undefined ? "tokens" : `of the context's ${formatCount(context)} tokens`;
  return `${sum} The servers' tools take ≈${formatCount(cost)} ${share} in each message.`;
}

interface SwitchProps {
  readonly name: string;
  readonly facts?: string;
  readonly about?: string | undefined;
  readonly on: boolean;
  readonly disabled?: boolean;
  readonly onTurn: (on: boolean) => void;
}

/** A button, because Enter in a field would send the message box's form. */
function Switch({ name, facts = "", about = "", on, disabled, onTurn }: SwitchProps): VNode {
  const id = useId();
  return (
    <button
      type="button"
      class="tool-switch"
      role="switch"
      aria-checked={on}
      aria-labelledby={`${id}-name`}
      aria-describedby={`${id}-facts ${id}-about`}
      disabled={disabled}
      onClick={() => onTurn(!on)}
    >
      <span class="row">
        <span class="anywhere" id={`${id}-name`}>
          {withEscapes(name)}
        </span>
        <span class="small muted anywhere" id={`${id}-facts`}>
          {withEscapes(facts)}
        </span>
      </span>
      <span class="small muted tool-about" id={`${id}-about`}>
        {withEscapes(about)}
      </span>
      <span class="knob" />
    </button>
  );
}
