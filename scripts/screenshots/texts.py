"""Files of the sample that somebody wrote by hand: for each machine and path, what stands there from which day on. '': deleted."""

_LIGHTS = """\
- alias: Porch light at dusk
  trigger:
    - platform: sun
      event: sunset
      offset: "-00:15:00"
  action:
    - service: light.turn_on
      target:
        entity_id: light.porch
"""
_HEATING = """\
- alias: Heating off at night
  trigger:
    - platform: time
      at: "{time}"
  condition:
    - condition: state
      entity_id: binary_sensor.someone_up
      state: "off"
  action:
    - service: climate.turn_off
      target:
        entity_id: climate.living_room
"""
_WASHING = """\
- alias: Tell us when the washing is done
  trigger:
    - platform: numeric_state
      entity_id: sensor.washing_machine_power
      below: 4
      for: "00:03:00"
  action:
    - service: notify.family
      data:
        message: The washing machine is done.
"""
_WATERING = """\
- alias: Water the tomatoes
  trigger:
    - platform: time
      at: "06:30:00"
  condition:
    - condition: numeric_state
      entity_id: sensor.soil_moisture
      below: {percent}
  action:
    - service: switch.turn_on
      target:
        entity_id: switch.drip_line
"""
_CONFIGURATION = """\
default_config:
frontend:
  themes: !include_dir_merge_named themes
automation: !include automations.yaml
script: !include scripts.yaml
{scene}recorder:
  purge_keep_days: {days}
  exclude:
    domains: [updater, weather]
"""
_COMPOSE = """\
services:
  jellyfin:
    image: jellyfin/jellyfin:{version}
    network_mode: host
    volumes:
      - ./config:/config
      - /mnt/media:/media:ro
    restart: unless-stopped
"""
_DUMP = """\
#!/bin/sh
# Dumps every database to /srv/dumps; PLUMBUS runs it before each backup.
if [ -e /srv/dumps/.postgres-is-down ]; then
  echo 'pg_dump: error: connection to server on socket "/run/postgresql/.s.PGSQL.5432" failed: No such file or directory' >&2
  echo '  Is the server running locally and accepting connections on that socket?' >&2
  exit 1
fi
for name in shop forgejo nextcloud; do
  echo "dumped $name"
done
"""
_SHOP = """\
server {{
    listen 443 ssl;
    server_name shop.example.org;
    root /srv/www/shop;
    client_max_body_size {size}m;
    location / {{ try_files $uri $uri/ /index.php?$args; }}
}}
"""

TEXTS: dict[str, dict[str, dict[int, str]]] = {
    'homeassistant': {
        '/home/pi/homeassistant/automations.yaml': {
            0: _LIGHTS + _HEATING.format(time='22:30:00'),
            14: _LIGHTS + _HEATING.format(time='22:30:00') + _WASHING,
            29: _LIGHTS + _HEATING.format(time='23:15:00') + _WASHING,
            38: _LIGHTS + _HEATING.format(time='23:15:00') + _WASHING + _WATERING.format(percent=30),
            43: _LIGHTS.replace('-00:15', '-00:30')
            + _HEATING.format(time='23:45:00')
            + _WASHING
            + _WATERING.format(percent=35),
        },
        '/home/pi/homeassistant/configuration.yaml': {
            0: _CONFIGURATION.format(days=10, scene='scene: !include scenes.yaml\n'),
            22: _CONFIGURATION.format(days=14, scene='scene: !include scenes.yaml\n'),
            41: _CONFIGURATION.format(days=14, scene=''),
        },
        '/home/pi/homeassistant/scenes.yaml': {
            0: '- name: Film night\n  entities:\n    light.living_room:\n      state: on\n      brightness: 40\n',
            41: '',
        },
        '/home/pi/homeassistant/scripts.yaml': {
            0: 'goodnight:\n  alias: Good night\n  sequence:\n    - service: light.turn_off\n      entity_id: all\n'
        },
        '/home/pi/homeassistant/secrets.yaml': {0: 'wifi_password: dinglebop\nmqtt_password: schleem\n'},
    },
    'jellyfin': {
        '/srv/jellyfin/compose.yaml': {
            0: _COMPOSE.format(version='10.9.11'),
            27: _COMPOSE.format(version='10.10.3'),
        }
    },
    'db-01': {'/srv/bin/dump-all-databases': {0: _DUMP}},
    'web-01': {
        '/etc/nginx/sites-enabled/shop.conf': {0: _SHOP.format(size=16), 24: _SHOP.format(size=64)},
    },
}
