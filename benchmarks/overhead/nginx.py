"""nginx in two roles: the static upstream, and the proxy that the gateway is compared with."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.machine import CannotMeasure
from benchmarks.overhead.payload import answer

_COMMON = """daemon off; master_process off; worker_processes 1; pid {folder}/{name}.pid;
error_log {folder}/{name}.log warn;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; tcp_nodelay on;
  client_body_temp_path {folder}/{name}-body; proxy_temp_path {folder}/{name}-proxy;
  fastcgi_temp_path {folder}/{name}-fastcgi; uwsgi_temp_path {folder}/{name}-uwsgi;
  scgi_temp_path {folder}/{name}-scgi; client_body_buffer_size 64k;
  {server}
}}
"""
_STATIC = """server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ default_type application/json; return 200 '{answer}'; }}
  }}"""
_PROXY = """upstream fixed {{ server 127.0.0.1:{static_port}; keepalive 512; keepalive_requests 1000000000; }}
  upstream streamed {{ server 127.0.0.1:{stream_port}; keepalive 512; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    location /v1/ {{ proxy_pass http://fixed; }}
    location /stream/ {{ proxy_pass http://streamed/; }}
  }}"""


def static_command(folder: Path, port: int) -> list[str]:
    """Answers every POST with the same 700 bytes."""
    return _command(folder, "static", _STATIC.format(port=port, answer=answer().decode()))


def proxy_command(folder: Path, port: int, static_port: int, stream_port: int) -> list[str]:
    """/v1/... goes to the static upstream, /stream/v1/... to the streaming one, unbuffered."""
    server = _PROXY.format(port=port, static_port=static_port, stream_port=stream_port)
    return _command(folder, "proxy", server)


def _command(folder: Path, name: str, server: str) -> list[str]:
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise CannotMeasure("nginx is missing; on Debian: apt-get install nginx-light")
    path = folder / f"{name}.conf"
    path.write_text(_COMMON.format(folder=folder, name=name, server=server))
    return [program, "-c", str(path), "-e", str(folder / f"{name}.log")]
