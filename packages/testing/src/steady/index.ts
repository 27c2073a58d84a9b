export { addTestsSteady } from "./command.ts";
