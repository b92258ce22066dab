/**
 * A page of the first protocol, reduced to its script. It signs in without a token, subscribes to what it is told, shows
 * what it hears, and knows nothing of what was added since: no seq, no request_id, no resume.
 */
export class FirstClient {
  /** `show(kind, text)` stands for what the page would change. */
  constructor(url, participantType, participantId, show, { WebSocket = globalThis.WebSocket } = {}) {
    this.url = url;
    this.participantType = participantType;
    this.participantId = participantId;
    this.show = show;
    this.WebSocket = WebSocket;
    this.sent = 0;
    this.connect();
    this.heartbeat = setInterval(() => this.ping(), 30000);
  }

  connect() {
    this.socket = new this.WebSocket(this.url);
    this.socket.onopen = () => {
      this.request({ type: "auth", participant_type: this.participantType, participant_id: this.participantId });
    };
    this.socket.onmessage = (event) => this.handle(JSON.parse(event.data));
    this.socket.onclose = () => {
      this.show("closed", "");
      if (!this.ended) setTimeout(() => this.connect(), 3000);
    };
    this.socket.onerror = () => {};
  }

  handle(data) {
    switch (data.type) {
      case "auth_success":
        data.conversations.forEach((id) => this.request({ type: "subscribe_conversation", conversation_id: id }));
        this.show("connected", `${data.user_id}: ${data.conversations.join(" ")}`);
        break;
      case "new_message":
        this.show("message", `${data.conversation_id} ${data.sender_name}: ${data.content}`);
        break;
      case "message_sent":
        this.show("sent", `${data.temp_id} is ${typeof data.message_id}`);
        break;
      case "user_typing":
        this.show("typing", `${data.participant_type} ${data.participant_id} ${data.is_typing}`);
        break;
      case "status_change":
        this.show("status", `${data.user_id} ${data.status}`);
        break;
      case "pong":
        this.show("pong", "");
        break;
      case "error":
        this.show("error", data.message);
        break;
    }
  }

  request(frame) {
    if (this.socket.readyState === this.WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  say(conversationId, content) {
    this.sent += 1;
    this.request({ type: "message", conversation_id: conversationId, content, temp_id: `temp_${this.sent}` });
  }

  typing(conversationId, isTyping) {
    this.request({ type: isTyping ? "typing_start" : "typing_stop", conversation_id: conversationId });
  }

  ping() {
    this.request({ type: "ping" });
  }

  end() {
    this.ended = true;
    clearInterval(this.heartbeat);
    this.socket.close();
  }
}
