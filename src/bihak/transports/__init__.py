"""How the outside reaches a node: WebSocket, HTTP, and who may."""
