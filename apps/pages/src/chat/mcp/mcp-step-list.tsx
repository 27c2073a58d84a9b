// Shows the steps of an answer with MCP tools: calls, the question for consent, and results, which are marked as data of their tool.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { Button } from "../../parts/icons.tsx";
import { Markdown } from "../../parts/markdown/markdown.tsx";
import { isLive, type Answer } from "../conversation/answer.ts";
import { usePage } from "../page.ts";
import { ToolCallCard, ToolName } from "../tool-calls/tool-call-cards.tsx";
import { prettyArguments, withEscapes, type ToolCall } from "../tool-calls/tool-calls.ts";
import { ToolText } from "../tool-calls/tool-text.tsx";
import { Verbatim } from "../tool-calls/verbatim.tsx";
import type { McpResult } from "./mcp-steps.ts";
import "./mcp.css";

export type Allow = "once" | "conversation" | "no";

const outcomeWords: Readonly<Record<McpResult["outcome"], string | undefined>> = {
  done: undefined,
  tool_error: "error",
  failed: "not sent",
  refused: "refused",
  unknown: "outcome unknown",
};

export function McpStepList({ answer }: { readonly answer: Answer }): VNode {
  return (
    <>
      {answer.mcpSteps?.map(({ text, calls, results, asks }, index) => {
        const asking = isLive(answer) ? asks : undefined;
        return (
          <div class="stack tight" key={index}>
            {text !== "" && <Markdown text={text} />}
            {calls.map((call) => call.id !== asking && <ToolCallCard key={call.id} call={call} />)}
            {calls.map((call) => call.id === asking && <Consent key={call.id} call={call} jobId={answer.jobId} />)}
            {results.map((result) => (
              <Result key={result.callId} result={result} />
            ))}
          </div>
        );
      })}
    </>
  );
}

const choices = [
  ["once", "Allow once", "primary"],
  ["conversation", "Allow in this conversation", ""],
  ["no", "Refuse", "quiet"],
] as const;

/** A description may be as long as a manual. */
const describedChars = 400;

function Consent({ call, jobId }: { readonly call: ToolCall; readonly jobId: string }): VNode {
  const { id, name, tool = name, server } = call;
  const description = useSignal("");
  const { chat, mcpServers } = usePage();
  useEffect(() => void mcpServers.describe(name).then((text = "") => (description.value = text)), [name]);
  const { value: text } = description;
  return (
    <div
      class="stack tight mcp-consent"
      role="group"
      aria-label={server === undefined ? `Consent to ${tool}` : `Consent to ${tool} of the server ${server}`}
    >
      <p>
        <ToolName call={call} /> wants to run.
      </p>
      {text !== "" && (
        <p class="small muted anywhere">
          {withEscapes(text.length > describedChars ? `${text.slice(0, describedChars)}…` : text)}
        </p>
      )}
      <div class="code">
        <Verbatim text={prettyArguments(call)} label={`Arguments of ${tool}`} />
      </div>
      <div class="row">
        {choices.map(([allow, label, kind]) => (
          <Button label={label} kind={kind} key={allow} onClick={() => chat.consent(jobId, id, allow)} />
        ))}
      </div>
    </div>
  );
}

function Result({ result: { server, tool, outcome, text } }: { readonly result: McpResult }): VNode {
  const title = `Result of ${tool} of the server ${server}`;
  const words = outcomeWords[outcome];
  return (
    <ToolText
      about={{ "data-result": tool }}
      kind="mcp-result"
      icon="tool"
      text={text}
      label={title}
      copyLabel="Copy result"
    >
      <span class="anywhere">{withEscapes(title)}</span>
      {words !== undefined && <span class="badge warn">{words}</span>}
    </ToolText>
  );
}
