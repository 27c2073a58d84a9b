// Owns the menu of tools above the message box: a switch for each server and each tool, and what the tools cost in tokens.
import type { VNode } from "preact";
import { useEffect, useId, useLayoutEffect, useRef } from "preact/hooks";
import { formatCount, formatCounted } from "../../parts/format.ts";
import { Button, IconButton } from "../../parts/icons.tsx";
import { withEscapes } from "../tool-calls/tool-calls.ts";
import { usePage } from "../page.ts";
import type { ToolsButtonProps } from "./tools-button.tsx";
import { costOf, countOn, goneTools, isOn, namesOf, withTools, type McpServer } from "./tool-choice.ts";
import "./tools-menu.css";

/** With more tools, the tools of each server are closed at first. */
const fewTools = 8;

interface ToolsMenuProps extends ToolsButtonProps {
  readonly onClose: () => void;
}

export function ToolsMenu({ settings, facts, onClose }: ToolsMenuProps): VNode {
  const { chat, mcpServers: source, openSettings } = usePage();
  const { mcpTools: choice, tools: functions = [] } = settings;
  const dialog = useRef<HTMLDialogElement>(null);
  const list = source.list.value ?? { servers: [] };
  const { servers } = list;
  const gone = goneTools(choice, servers);
  const model = facts?.name;
  const turn = (names: readonly string[], on: boolean): void =>
    chat.chooseTools(withTools(choice, servers, { names, on }));
  const close = (): void => dialog.current?.close();
  useEffect(() => {
    const leaving = new AbortController();
    void source.connect(model, leaving.signal);
    return () => leaving.abort();
  }, [source, model]);
  useLayoutEffect(() => {
    // On phones, the stylesheet makes the menu a sheet at the bottom.
    const box = dialog.current?.closest(".composer")?.getBoundingClientRect();
    dialog.current?.style.setProperty("--left", `${box?.left ?? 0}px`);
    dialog.current?.style.setProperty("--bottom", `${innerHeight - (box?.top ?? 0) + 8}px`);
    dialog.current?.showModal();
  }, []);

  function toolsOf({ tools }: McpServer): VNode[] {
    return tools.map(({ name, tool, description, needs_consent: asks, tokens }) => {
      const cost = tokens === undefined ? [] : [`≈${formatCounted(tokens, "token")}`];
      const about = [asks ? "asks first" : "allowed", ...cost, description.split("\n", 1)[0]].join(" · ");
      return <Switch key={name} name={tool} about={about} on={isOn(choice, name)} onTurn={(on) => turn([name], on)} />;
    });
  }

  return (
    <dialog
      class="dialog tools-menu"
      ref={dialog}
      aria-labelledby="tools-title"
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && close()}
    >
      <div class="tools-parts">
        <div class="spread">
          <h2 id="tools-title">Tools</h2>
          <IconButton icon="close" label="Close" onClick={close} />
        </div>
        <div class="tools-list">
          {servers.map((server) => (
            <div class="tool-server" role="group" aria-label={server.name} key={server.name}>
              <Switch
                name={server.name}
                about={stateWords(server, countOn(choice, [server]))}
                on={server.tools.some(({ name }) => isOn(choice, name))}
                disabled={server.tools.length === 0}
                onTurn={(on) => turn(namesOf([server]), on)}
              />
              {namesOf(servers).length <= fewTools || server.tools.length === 0 ? (
                toolsOf(server)
              ) : (
                <details>
                  <summary class="small">{formatCounted(server.tools.length, "tool")}</summary>
                  {toolsOf(server)}
                </details>
              )}
            </div>
          ))}
          {servers.length === 0 && <p class="tool-server">This worker has no tools that you may run.</p>}
          {gone.length > 0 && (
            <Note
              text={`Gone, and left out of messages: ${gone.join(", ")}`}
              action="Remove"
              onAct={() => turn(gone, false)}
            />
          )}
          {functions.length > 0 && (
            <Note
              text={`${formatCounted(functions.length, "function")} from the settings`}
              action="Open settings"
              onAct={() => {
                close();
                openSettings();
              }}
            />
          )}
        </div>
        <div class="tool-server small">
          <p class="strong" role="status">
            {sumWords(countOn(choice, servers) + functions.length, costOf(choice, list), list.shared_tokens)}
            {facts?.context_size !== undefined && ` The context has ${formatCount(facts.context_size)}.`}
          </p>
          <p class="muted">New conversations begin with the same tools.</p>
        </div>
      </div>
    </dialog>
  );
}

function stateWords({ state, problem = "", tools }: McpServer, on: number): string {
  if (state === "ready") return tools.length === 0 ? "no tools" : `${on} of ${tools.length} on`;
  if (state === "failed") return `failed: ${problem}`;
  return state === "connecting" ? "connecting…" : "not connected";
}

/** @param cost with `shared`, the tokens that explain how to call any tool; undefined while the worker has not counted them */
function sumWords(on: number, cost: number | undefined, shared = 0): string {
  const sum = on === 0 ? "No tools are on." : `${formatCounted(on, "tool")} on.`;
  if (cost === undefined) return sum;
  const rest = shared === 0 ? "" : `; ≈${formatCount(shared)} of them explain how to call a tool`;
  return `${sum} Tools of servers take ≈${formatCount(cost)} tokens in each message${rest}.`;
}

interface NoteProps {
  readonly text: string;
  readonly action: string;
  readonly onAct: () => void;
}

function Note({ text, action, onAct }: NoteProps): VNode {
  return (
    <div class="spread small tool-server">
      <span class="anywhere">{withEscapes(text)}</span>
      <Button label={action} onClick={onAct} />
    </div>
  );
}

interface SwitchProps {
  readonly name: string;
  readonly about: string;
  readonly on: boolean;
  readonly disabled?: boolean;
  readonly onTurn: (on: boolean) => void;
}

/** A button, because Enter in a field would send the message box's form. */
function Switch({ name, about, on, onTurn, ...others }: SwitchProps): VNode {
  const aria = { "aria-label": name, "aria-describedby": useId(), "aria-checked": on };
  return (
    <button type="button" class="tool-switch" role="switch" {...aria} {...others} onClick={() => onTurn(!on)}>
      <span class="anywhere">{withEscapes(name)}</span>
      <span class="small muted cut" id={aria["aria-describedby"]} title={about}>
        {withEscapes(about)}
      </span>
      <span class="knob" />
    </button>
  );
}
