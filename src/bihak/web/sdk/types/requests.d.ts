/** @typedef {import("./wire.js").Frame} Frame */
/** @typedef {import("./wire.js").Failure} Failure */
/**
 * @typedef {Object} Waiting
 * @property {(reply: any) => void} resolve
 * @property {(fault: Fault) => void} reject
 * @property {ReturnType<typeof setTimeout>} timer
 */
export class Requests {
    /**
     * @param {(frame: Frame) => boolean} send  false without a connection; throws a Fault when it may not be sent
     * @param {number} [timeoutMs]
     */
    constructor(send: (frame: Frame) => boolean, timeoutMs?: number);
    /**
     * @param {string} type @param {object} fields
     * @returns {Promise<any>} the reply; rejects with a Fault
     */
    ask(type: string, fields: object): Promise<any>;
    /** @param {Frame} frame  a reply or an error; ignored when nobody waits for it any longer */
    settle(frame: Frame): void;
    failAll(): void;
    #private;
}
export type Frame = import("./wire.js").Frame;
export type Failure = import("./wire.js").Failure;
export type Waiting = {
    resolve: (reply: any) => void;
    reject: (fault: Fault) => void;
    timer: ReturnType<typeof setTimeout>;
};
import { Fault } from "./fault.js";
