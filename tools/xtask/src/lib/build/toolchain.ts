// Checks whether this machine has the tools to compile the engine, and says how to install missing ones.
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Each tool with its possible commands; one installed command is enough. */
const tools: Readonly<Record<string, readonly string[]>> = {
  cmake: ["cmake"],
  "a C++ compiler": ["c++", "g++", "clang++"],
  make: ["make"],
  git: ["git"],
};

const remedies: Partial<Record<NodeJS.Platform, string>> = {
  linux:
    "Debian and Ubuntu: apt install cmake g++ make git; Fedora: dnf install cmake gcc-c++ make git; Alpine: apk add cmake g++ make git",
  darwin: "macOS: xcode-select --install, then brew install cmake libomp",
};

/** A build tool is missing on this machine, so a second try does not help. */
export class ToolchainError extends Error {
  override readonly name = "ToolchainError";
}

/**
 * @param path the PATH variable
 * @throws ToolchainError naming all missing tools and how to install them
 */
export function checkToolchain(path: string, platform: NodeJS.Platform = process.platform): void {
  const remedy = remedies[platform];
  if (remedy === undefined) throw new ToolchainError(`Cannot build the engine: ${platform} is not supported`);
  const folders = path.split(delimiter).filter((folder) => folder !== "");
  const isMissing = (name: string): boolean => !tools[name]?.some((command) => isInstalled(command, folders));
  const missing = Object.keys(tools).filter(isMissing);
  if (missing.length === 0) return;
  throw new ToolchainError(`Cannot build the engine: not installed: ${missing.join(", ")}. ${remedy}`);
}

function isInstalled(command: string, folders: readonly string[]): boolean {
  return folders.some((folder) => {
    const path = join(folder, command);
    try {
      accessSync(path, constants.X_OK);
      return statSync(path).isFile();
    } catch {
      return false;
    }
  });
}
