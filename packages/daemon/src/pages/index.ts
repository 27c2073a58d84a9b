export * from "./pages.ts";
