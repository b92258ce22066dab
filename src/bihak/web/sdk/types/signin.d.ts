export class SignIn {
    /** @param {SignInEnds} ends */
    constructor(ends: SignInEnds);
    /** On a connection that has just been opened. */
    begin(): Promise<void>;
    /** The connection is gone: whatever was begun on it is over. */
    disconnected(): void;
    /** The connection stays open while its token is replaced; should that fail, the server closes it and we resume. */
    refresh(): Promise<void>;
    /** @param {number} code @param {string} reason  the connection was closed with */
    closed(code: number, reason: string): void;
    #private;
}
export type Welcome = import("./wire.js").Welcome;
export type SignInEnds = {
    credentials: import("./credentials.js").Credentials;
    keep: import("./keep.js").Keep;
    device?: string | undefined;
    /**
     * to arrive with
     */
    status?: (() => string | undefined) | undefined;
    resume: () => Record<string, number> | undefined;
    /**
     * sends `auth`; rejects with a Fault
     */
    ask: (fields: object) => Promise<Welcome>;
    /**
     * gives up on this connection, and tries again later
     */
    drop: (code: number, reason: string) => void;
    welcomed: (welcome: Welcome, resumed: boolean) => void;
    /**
     * for good
     */
    refused: (code: string, message: string) => void;
};
