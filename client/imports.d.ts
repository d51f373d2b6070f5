/** Types of `#buffer` and `#events`: Node's, or on Bare those of bare-buffer and bare-events. `imports` in package.json says which. */
export { Buffer } from "node:buffer";
export { EventEmitter, once } from "node:events";
