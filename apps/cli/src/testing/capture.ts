// Captures the output of a command in a test.
import { type Output, createStyle } from "@waggle/daemon/terminal";

export interface CapturedOutput extends Output {
  text(): string;
}

export function captureOutput(
  options: { isTerminal?: boolean; columns?: number; colors?: boolean } = {},
): CapturedOutput {
  const written: string[] = [];
  return {
    isTerminal: options.isTerminal ?? false,
    style: createStyle(options.colors ?? false),
    columns: () => options.columns ?? 80,
    write: (text) => void written.push(text),
    control: (text) => void written.push(text),
    text: () => written.join(""),
  };
}
