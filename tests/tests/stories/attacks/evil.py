"""Four ways out, tried one after the other; says how many were held."""
import socket

held = []


def tries(way):
    try:
        way()
    except OSError as error:
        held.append(error)


tries(lambda: open("{OUT}/ran", "w").write("x"))
tries(lambda: print(open("{SECRET}").read()))
tries(lambda: print(open("/etc/passwd").read()))
tries(lambda: socket.socket(socket.AF_INET).bind(("127.0.0.1", 0)))
print("HELD", len(held), "of 4", flush=True)
