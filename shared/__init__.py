"""What the edge daemon and the hub both speak: audio format, quality, wire, discovery, errors."""
