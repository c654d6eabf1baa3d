/* SPDX-License-Identifier: MIT */
/*
 * The hardware is what VMware's and VirtualBox' virtual machines both have and Debian's kernels have drivers
 * for: a disk at a PIIX4's IDE, and where a service is provided a NIC. E1000 is the one that both have; the cloud
 * kernel only has VMware's own.
 */
#include "ovf.h"

#include <inttypes.h>

#include "mem.h"
#include "standalone.h"
#include "str.h"

#define MEMORY_DEFAULT (UINT64_C(256) << 20)
#define MIB            (UINT64_C(1) << 20)
#define STREAM         "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"
#define HEAD                                                                                       \
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"                                             \
	"<Envelope xmlns=\"http://schemas.dmtf.org/ovf/envelope/1\"\n"                             \
	"  xmlns:ovf=\"http://schemas.dmtf.org/ovf/envelope/1\"\n"                                 \
	"  xmlns:rasd=\"http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/"                        \
	"CIM_ResourceAllocationSettingData\"\n"                                                    \
	"  xmlns:vssd=\"http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/"                        \
	"CIM_VirtualSystemSettingData\">\n"

static void put_escaped(struct buf *out, const char *s)
{
	for (; *s; s++)
		switch (*s) {
		case '<':
			buf_append_str(out, "&lt;");
			break;
		case '&':
			buf_append_str(out, "&amp;");
			break;
		default:
			buf_append(out, s, 1);
		}
}

static void put_disk(struct buf *out, const struct ovf_disk *d)
{
	buf_printf(out,
		   "  <References>\n"
		   "    <File ovf:id=\"file1\" ovf:href=\"%s\" ovf:size=\"%" PRIu64 "\"/>\n"
		   "  </References>\n"
		   "  <DiskSection>\n"
		   "    <Info>Disks</Info>\n"
		   "    <Disk ovf:diskId=\"disk1\" ovf:fileRef=\"file1\" ovf:capacity=\"%" PRIu64
		   "\" ovf:capacityAllocationUnits=\"byte\"\n"
		   "      ovf:format=\"" STREAM "\"/>\n"
		   "  </DiskSection>\n",
		   d->file, d->file_size, d->capacity);
}

static void put_network(struct buf *out)
{
	buf_append_str(out, "  <NetworkSection>\n"
			    "    <Info>Networks</Info>\n"
			    "    <Network ovf:name=\"nat\"><Description>Where its services are "
			    "reached</Description></Network>\n"
			    "  </NetworkSection>\n");
}

static void put_system(struct buf *out, const struct store_image *image)
{
	const struct appliance *a = image->appliance;

	buf_printf(out,
		   "  <VirtualSystem ovf:id=\"%s\">\n"
		   "    <Info>A virtual machine</Info>\n"
		   "    <Name>%s</Name>\n"
		   "    <ProductSection>\n"
		   "      <Info>The appliance</Info>\n"
		   "      <Product>%s</Product>\n"
		   "      <Version>",
		   image->name, image->name, image->name);
	put_escaped(out, a->version ? a->version : "0");
	buf_append_str(out, "</Version>\n"
			    "    </ProductSection>\n"
			    "    <OperatingSystemSection ovf:id=\"101\">\n"
			    "      <Info>The operating system</Info>\n"
			    "      <Description>Linux 64-Bit</Description>\n"
			    "    </OperatingSystemSection>\n");
}

/* Of a virtual machine from VMware's version 10 on; its elements are in the schema's order. */
#define HARDWARE                                                                                   \
	"    <VirtualHardwareSection>\n"                                                           \
	"      <Info>The hardware</Info>\n"                                                        \
	"      <System>\n"                                                                         \
	"        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>\n"                   \
	"        <vssd:InstanceID>0</vssd:InstanceID>\n"                                           \
	"        <vssd:VirtualSystemType>vmx-10</vssd:VirtualSystemType>\n"                        \
	"      </System>\n"                                                                        \
	"      <Item>\n"                                                                           \
	"        <rasd:ElementName>1 CPU</rasd:ElementName>\n"                                     \
	"        <rasd:InstanceID>1</rasd:InstanceID>\n"                                           \
	"        <rasd:ResourceType>3</rasd:ResourceType>\n"                                       \
	"        <rasd:VirtualQuantity>1</rasd:VirtualQuantity>\n"                                 \
	"      </Item>\n"                                                                          \
	"      <Item>\n"                                                                           \
	"        <rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits>\n"                       \
	"        <rasd:ElementName>%" PRIu64 " MB of memory</rasd:ElementName>\n"                  \
	"        <rasd:InstanceID>2</rasd:InstanceID>\n"                                           \
	"        <rasd:ResourceType>4</rasd:ResourceType>\n"                                       \
	"        <rasd:VirtualQuantity>%" PRIu64 "</rasd:VirtualQuantity>\n"                       \
	"      </Item>\n"                                                                          \
	"      <Item>\n"                                                                           \
	"        <rasd:Address>0</rasd:Address>\n"                                                 \
	"        <rasd:ElementName>IDE</rasd:ElementName>\n"                                       \
	"        <rasd:InstanceID>3</rasd:InstanceID>\n"                                           \
	"        <rasd:ResourceSubType>PIIX4</rasd:ResourceSubType>\n"                             \
	"        <rasd:ResourceType>5</rasd:ResourceType>\n"                                       \
	"      </Item>\n"                                                                          \
	"      <Item>\n"                                                                           \
	"        <rasd:AddressOnParent>0</rasd:AddressOnParent>\n"                                 \
	"        <rasd:ElementName>Disk</rasd:ElementName>\n"                                      \
	"        <rasd:HostResource>ovf:/disk/disk1</rasd:HostResource>\n"                         \
	"        <rasd:InstanceID>4</rasd:InstanceID>\n"                                           \
	"        <rasd:Parent>3</rasd:Parent>\n"                                                   \
	"        <rasd:ResourceType>17</rasd:ResourceType>\n"                                      \
	"      </Item>\n"
#define NIC                                                                                        \
	"      <Item>\n"                                                                           \
	"        <rasd:AddressOnParent>7</rasd:AddressOnParent>\n"                                 \
	"        <rasd:AutomaticAllocation>true</rasd:AutomaticAllocation>\n"                      \
	"        <rasd:Connection>nat</rasd:Connection>\n"                                         \
	"        <rasd:ElementName>Network</rasd:ElementName>\n"                                   \
	"        <rasd:InstanceID>5</rasd:InstanceID>\n"                                           \
	"        <rasd:ResourceSubType>%s</rasd:ResourceSubType>\n"                                \
	"        <rasd:ResourceType>10</rasd:ResourceType>\n"                                      \
	"      </Item>\n"

static void put_hardware(struct buf *out, const struct appliance *a, bool nic)
{
	uint64_t memory = (a->memory ? a->memory : MEMORY_DEFAULT) / MIB;

	buf_printf(out, HARDWARE, memory, memory);
	if (nic)
		buf_printf(out, NIC, strstr(a->kernel_version, "-cloud-") ? "VmxNet3" : "E1000");
	buf_append_str(out, "    </VirtualHardwareSection>\n"
			    "  </VirtualSystem>\n"
			    "</Envelope>\n");
}

void ovf_write(const struct store_image *image, const struct ovf_disk *disk, struct buf *out)
{
	bool nic = standalone_has_network(image->appliance);

	buf_append_str(out, HEAD);
	put_disk(out, disk);
	if (nic)
		put_network(out);
	put_system(out, image);
	put_hardware(out, image->appliance, nic);
}
